using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Rpc;

/// <summary>The gRPC door. Cancellation and deadline of a call end its request in the engine.</summary>
internal sealed class InferenceRpc(InferenceMessages messages) : Inference.InferenceBase
{
    public override async Task Generate(GenerateRequest request, IServerStreamWriter<GenerateResponse> responseStream,
        ServerCallContext context)
    {
        await foreach (var message in messages.GenerateAsync(request, context.CancellationToken).ConfigureAwait(false))
            await responseStream.WriteAsync(message, context.CancellationToken).ConfigureAwait(false);
    }

    public override Task<ScoreResponse> Score(ScoreRequest request, ServerCallContext context) =>
        messages.ScoreAsync(request, context.CancellationToken);

    public override Task<DescribeResponse> Describe(DescribeRequest request, ServerCallContext context) =>
        messages.DescribeAsync(context.CancellationToken);
}
