using System.Net;
using System.Net.Sockets;

namespace Btx.LoadTests.Clients;

/// <summary>How clients connect, as many times as the load needs, and what a user can do if that fails.</summary>
internal static class Connection
{
    public static SocketsHttpHandler Handler() => new()
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        EnableMultipleHttp2Connections = true, // one connection carries 100 streams at most
        PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
        ConnectTimeout = TimeSpan.FromSeconds(10),
    };

    /// <summary>Nobody answered, or the answer broke off; null: neither.</summary>
    /// <param name="begun">A part of the answer has arrived.</param>
    public static string? BrokenBy(Exception? exception, bool begun)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            switch (exception)
            {
                case HttpRequestException e when e.HttpRequestError is HttpRequestError.ConnectionError
                    or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError:
                case SocketException { SocketErrorCode: SocketError.ConnectionRefused }:
                    return Answer.Unreachable;
                case HttpIOException or SocketException or EndOfStreamException or HttpProtocolException:
                case IOException when begun:
                    return Answer.CutOff;
            }
        }

        return null;
    }

    /// <summary>What a user can do about a server that does not describe itself.</summary>
    /// <param name="http">It was to be asked through HTTP, not gRPC.</param>
    public static async Task<LoadTestException> ProblemAsync(Uri address, bool http, Answer answer, Exception? inner = null)
    {
        var (server, kind) = (address.GetLeftPart(UriPartial.Authority), http ? "HTTP" : "gRPC");
        // "HTTP/2 only" is what a gRPC endpoint says to HTTP/1.1.
        if (http && answer.Error?.Contains("HTTP/2 only", StringComparison.Ordinal) == true)
            return new($"{server} is the gRPC address of a server, not its HTTP address; name that behind the comma of --server", inner);
        if (!http && answer.Status is not ("unauthenticated" or "permission_denied") && await SpeaksHttp1Async(address))
            return new($"{server} speaks HTTP/1.1, so it is the HTTP address of a server and not its gRPC address; name that before the "
                + "comma of --server GRPC,HTTP", inner);
        return new(answer.Status switch
        {
            Answer.Unreachable =>
                $"no server listens at {server}; start one with `btx serve --forest S`, or name its address with --server",
            "unauthenticated" or "permission_denied" or "http_401" or "http_403" =>
                $"the server at {server} refused the key ({answer.Status}); give the right one with --key-file FILE",
            "unimplemented" or "http_404" =>
                $"{server} is not the {kind} address of a server ({answer.Status}); name the right address with --server",
            _ when answer.Status == Answer.CutOff || IsNoRpc(inner) =>
                $"what listens at {server} broke off its answer; is that the {kind} address of --server?",
            _ => $"the server at {server} answered {answer.Status}: {answer.Error}",
        }, inner);
    }

    // The status is the client's own word for bytes that are no HTTP/2: which one it is depends on what it was doing when they came.
    private static bool IsNoRpc(Exception? failure) =>
        failure is Grpc.Core.RpcException { Status.DebugException: HttpRequestException or IOException };

    private static async Task<bool> SpeaksHttp1Async(Uri address)
    {
        try
        {
            using var client = new HttpClient(Handler()) { Timeout = TimeSpan.FromSeconds(30) };
            using var response = await client.GetAsync(new Uri(address, "/health"));
            return response.StatusCode != HttpStatusCode.BadRequest;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }
}
