using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Rpc;

/// <summary>
/// The gRPC door. Cancellation and deadline of a call end its request in the engine. The methods are the generated base's by name and form;
/// they are declared here because <see cref="Utf8Binding"/> binds them.
/// </summary>
[BindServiceMethod(typeof(Utf8Binding), nameof(Utf8Binding.Bind))]
internal class InferenceRpc(InferenceMessages messages)
{
    public virtual async Task Generate(GenerateRequest request, IServerStreamWriter<GenerateResponse> responseStream, ServerCallContext context)
    {
        await foreach (var message in messages.GenerateAsync(request, context.CancellationToken).ConfigureAwait(false))
            await responseStream.WriteAsync(message, context.CancellationToken).ConfigureAwait(false);
    }

    public virtual Task<ScoreResponse> Score(ScoreRequest request, ServerCallContext context) => messages.ScoreAsync(request, context.CancellationToken);

    public virtual Task<DescribeResponse> Describe(DescribeRequest request, ServerCallContext context) => messages.DescribeAsync(context.CancellationToken);
}
