using Btx.Model;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Rpc;

/// <summary>A server's answers, its refusals turned into <see cref="BtxException"/>.</summary>
internal sealed class RemoteInference : IInference, IDisposable
{
    private readonly RemoteServer _server;
    private readonly Inference.InferenceClient _client;

    /// <param name="server">ADDRESS:PORT, or an http or https URL.</param>
    /// <param name="option">What named it, for messages.</param>
    /// <exception cref="BtxException">The address cannot be read.</exception>
    public RemoteInference(string server, string option = "--server")
    {
        _server = new(option, server, "start one with `btx serve --forest S`, or give --forest S to run it here");
        _client = new(_server.Channel);
    }

    public async IAsyncEnumerable<GenerateResponse> GenerateAsync(
        GenerateRequest request, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        using var call = _client.Generate(request, cancellationToken: cancellation);
        while (await _server.Try(() => call.ResponseStream.MoveNext(cancellation), cancellation).ConfigureAwait(false))
            yield return call.ResponseStream.Current;
    }

    public Task<ScoreResponse> ScoreAsync(ScoreRequest request, CancellationToken cancellation) =>
        _server.Try(async () => await _client.ScoreAsync(request, cancellationToken: cancellation).ConfigureAwait(false), cancellation);

    public Task<DescribeResponse> DescribeAsync(CancellationToken cancellation) =>
        _server.Try(async () => await _client.DescribeAsync(new(), cancellationToken: cancellation).ConfigureAwait(false), cancellation);

    public void Dispose() => _server.Dispose();
}
