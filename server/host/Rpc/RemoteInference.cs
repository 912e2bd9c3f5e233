using System.Net.Sockets;
using Btx.Model;
using Btx.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Btx.Server.Rpc;

/// <summary>A server's answers, its refusals turned into <see cref="BtxException"/>.</summary>
internal sealed class RemoteInference : IInference, IDisposable
{
    private readonly Uri _server;
    private readonly GrpcChannel _channel;
    private readonly Inference.InferenceClient _client;

    /// <exception cref="BtxException">The address is not an http or https URL.</exception>
    public RemoteInference(string server)
    {
        if (!Uri.TryCreate(server, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            throw new BtxException($"--server {server}: not a server's address; expected for example http://127.0.0.1:8081");
        _server = uri;
        _channel = GrpcChannel.ForAddress(uri, new() { MaxReceiveMessageSize = null });
        _client = new(_channel);
    }

    public async IAsyncEnumerable<GenerateResponse> GenerateAsync(
        GenerateRequest request, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        using var call = _client.Generate(request, cancellationToken: cancellation);
        while (await Try(() => call.ResponseStream.MoveNext(cancellation), cancellation).ConfigureAwait(false)) yield return call.ResponseStream.Current;
    }

    public Task<ScoreResponse> ScoreAsync(ScoreRequest request, CancellationToken cancellation) =>
        Try(async () => await _client.ScoreAsync(request, cancellationToken: cancellation).ConfigureAwait(false), cancellation);

    public Task<DescribeResponse> DescribeAsync(CancellationToken cancellation) =>
        Try(async () => await _client.DescribeAsync(new(), cancellationToken: cancellation).ConfigureAwait(false), cancellation);

    public void Dispose() => _channel.Dispose();

    private async Task<T> Try<T>(Func<Task<T>> call, CancellationToken cancellation)
    {
        try
        {
            return await call().ConfigureAwait(false);
        }
        catch (RpcException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable && HasSocketError(e))
        {
            throw new BtxException($"no server listens at {_server.GetLeftPart(UriPartial.Authority)}; start one with `btx serve --forest S`, or give --forest S to run it here", e);
        }
        catch (RpcException e)
        {
            throw new BtxException(e.Status.Detail.Length > 0 ? e.Status.Detail : $"the server answered {e.StatusCode}", e);
        }
    }

    private static bool HasSocketError(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
        {
            if (e is SocketException or HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError }) return true;
        }

        return false;
    }
}
