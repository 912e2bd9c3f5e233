using System.Net.Sockets;
using Btx.Cli;
using Btx.Model;
using Grpc.Core;
using Grpc.Net.Client;

namespace Btx.Server.Rpc;

/// <summary>A server reached by gRPC; its refusals are turned into <see cref="BtxException"/>.</summary>
internal sealed class RemoteServer : IDisposable
{
    private readonly Uri _address;
    private readonly string _option;
    private readonly string _remedy;
    private readonly GrpcChannel _channel;

    /// <param name="option">What named the address, for messages.</param>
    /// <param name="address">ADDRESS:PORT, or an http or https URL.</param>
    /// <param name="remedy">What to do where no server listens.</param>
    /// <param name="patience">See <see cref="Patience"/>.</param>
    /// <exception cref="BtxException">The address cannot be read.</exception>
    public RemoteServer(string option, string address, string remedy, TimeSpan? patience = null)
    {
        (_option, _remedy, Patience) = (option, remedy, patience ?? TimeSpan.FromSeconds(30));
        _address = Read(address) ?? throw new BtxException(
            $"{option} {BtxException.OneLine(address, 100)}: not a server's address; expected ADDRESS:PORT, for example "
                + $"{ServerFlag.Usual}, or a URL");
        _channel = GrpcChannel.ForAddress(_address, new() { MaxReceiveMessageSize = null });
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
        catch (RpcException e) when (e.StatusCode == StatusCode.DeadlineExceeded)
        {
            throw Silent(e);
        }
        catch (RpcException e)
        {
            throw new BtxException(await ReasonAsync(e).ConfigureAwait(false), e);
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

    // ADDRESS alone would mean port 80, which is never meant.
    private static Uri? Read(string address)
    {
        var hasScheme = address.Contains("://", StringComparison.Ordinal);
        if (!hasScheme && !address.Contains(':', StringComparison.Ordinal)) return null;
        if (!Uri.TryCreate(hasScheme ? address : $"http://{address}", UriKind.Absolute, out var uri)) return null;
        return uri is { Scheme: "http" or "https", PathAndQuery: "/", Host.Length: > 0, UserInfo.Length: 0 } ? uri : null;
    }

    private string Name => _address.GetLeftPart(UriPartial.Authority);

    private async Task<string> ReasonAsync(RpcException e)
    {
        var mayBeHttp = e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Unknown or StatusCode.Unimplemented;
        if (mayBeHttp && await IsHttpDoorAsync().ConfigureAwait(false))
            return $"{Name} speaks HTTP/1.1, so it is the HTTP door of a server and not its gRPC door; name that with {_option} "
                + $"(`serve` prints both; {ServerFlag.Usual} unless told otherwise)";
        if (e.StatusCode == StatusCode.Unavailable && HasSocketError(e)) return $"no server listens at {Name}; {_remedy}";
        if (HasBrokenStream(e)) return $"the server at {Name} went away before its answer ended; {_remedy}";
        return e.Status.Detail.Length > 0 ? e.Status.Detail : $"the server answered {e.StatusCode}";
    }

    // The gRPC door answers HTTP/1.1 with 400, or not at all.
    private async Task<bool> IsHttpDoorAsync()
    {
        try
        {
            using var http = new HttpClient { Timeout = Patience };
            using var response = await http.GetAsync(new Uri(_address, "/health")).ConfigureAwait(false);
            return response.StatusCode != System.Net.HttpStatusCode.BadRequest;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    private BtxException Silent(Exception e) =>
        new($"the server at {Name} took the call and gave no answer within {Patience.TotalSeconds:0.#} s; is it one of btx, and does it "
            + "run (not stopped, not out of memory)?",
        e);

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
            if (e is SocketException
                or HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError })
                return true;
        }

        return false;
    }
}
