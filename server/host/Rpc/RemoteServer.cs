using System.Net.Sockets;
using Btx.Model;
using Grpc.Core;
using Grpc.Net.Client;

namespace Btx.Server.Rpc;

/// <summary>A server reached by gRPC; its refusals are turned into <see cref="BtxException"/>.</summary>
internal sealed class RemoteServer : IDisposable
{
    private readonly Uri _address;
    private readonly string _remedy;
    private readonly GrpcChannel _channel;

    /// <param name="option">The flag that names the address, for messages.</param>
    /// <param name="address">http or https URL.</param>
    /// <param name="remedy">What to do where no server listens.</param>
    /// <param name="patience">See <see cref="Patience"/>.</param>
    /// <exception cref="BtxException">The address is not an http or https URL.</exception>
    public RemoteServer(string option, string address, string remedy, TimeSpan? patience = null)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            throw new BtxException($"{option} {address}: not a server's address; expected for example http://127.0.0.1:8081");
        (_address, _remedy, Patience) = (uri, remedy, patience ?? TimeSpan.FromSeconds(30));
        _channel = GrpcChannel.ForAddress(uri, new() { MaxReceiveMessageSize = null });
    }

    public GrpcChannel Channel => _channel;

    public bool IsLoopback => _address.IsLoopback;

    /// <summary>How long a call that only reads may take.</summary>
    public TimeSpan Patience { get; }

    /// <summary>The deadline of such a call that begins now.</summary>
    public DateTime Deadline => DateTime.UtcNow + Patience;

    /// <exception cref="BtxException">The server refused, or there is none.</exception>
    public async Task<T> Try<T>(Func<Task<T>> call, CancellationToken cancellation)
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
            throw new BtxException($"no server listens at {_address.GetLeftPart(UriPartial.Authority)}; {_remedy}", e);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.DeadlineExceeded)
        {
            throw Silent(e);
        }
        catch (RpcException e) when (HasBrokenStream(e))
        {
            throw new BtxException($"the server at {_address.GetLeftPart(UriPartial.Authority)} went away before its answer ended; {_remedy}", e);
        }
        catch (RpcException e)
        {
            throw new BtxException(e.Status.Detail.Length > 0 ? e.Status.Detail : $"the server answered {e.StatusCode}", e);
        }
    }

    /// <summary>The headers of a stream that sends them at once.</summary>
    /// <exception cref="BtxException">As <see cref="Try"/>; or they do not come within <see cref="Patience"/>.</exception>
    public Task HeadersAsync(Task<Metadata> headers, CancellationToken cancellation) => Try(
        async () =>
        {
            try
            {
                return await headers.WaitAsync(Patience, cancellation).ConfigureAwait(false);
            }
            catch (TimeoutException e)
            {
                throw Silent(e);
            }
        },
        cancellation);

    public void Dispose() => _channel.Dispose();

    private BtxException Silent(Exception e) => new($"the server at {_address.GetLeftPart(UriPartial.Authority)} took the call and gave no answer within {Patience.TotalSeconds:0.#} s; is it one of btx, and does it run (not stopped, not out of memory)?", e);

    private static bool HasBrokenStream(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
        {
            if (e is HttpIOException { HttpRequestError: HttpRequestError.ResponseEnded }) return true;
        }

        return false;
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
