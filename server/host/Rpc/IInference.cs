using Btx.V1;

namespace Btx.Server.Rpc;

/// <summary>The inference service in terms of its messages: answered here (<see cref="InferenceMessages"/>) or by a
/// server (<see cref="RemoteInference"/>).</summary>
internal interface IInference
{
    IAsyncEnumerable<GenerateResponse> GenerateAsync(GenerateRequest request, CancellationToken cancellation);

    Task<ScoreResponse> ScoreAsync(ScoreRequest request, CancellationToken cancellation);

    Task<DescribeResponse> DescribeAsync(CancellationToken cancellation);
}
