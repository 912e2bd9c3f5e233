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
    public static string? BrokenBy(Exception? exception, bool begun) => exception switch
    {
        null => null,
        HttpRequestException http when http.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
            or HttpRequestError.SecureConnectionError => Answer.Unreachable,
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => Answer.Unreachable,
        HttpIOException or SocketException or EndOfStreamException or HttpProtocolException => Answer.CutOff,
        IOException when begun => Answer.CutOff,
        _ => BrokenBy(exception.InnerException, begun),
    };

    /// <summary>What a user can do about a server that does not describe itself.</summary>
    public static async Task<LoadTestException> ProblemAsync(Uri address, bool http, Answer answer, Exception? inner = null)
    {
        var (server, kind) = (address.GetLeftPart(UriPartial.Authority), http ? "HTTP" : "gRPC");
        // "HTTP/2 only" is what a gRPC endpoint says to HTTP/1.1.
        if (http && answer.Error?.Contains("HTTP/2 only", StringComparison.Ordinal) == true)
            return new($"{server} is the gRPC address of a server, not its HTTP address; name that behind the comma of --server", inner);
        if (!http && answer.Status is not ("unauthenticated" or "permission_denied") && await SpeaksHttp1Async(address))
            return new($"{server} speaks HTTP/1.1, so it is the HTTP address of a server; give its gRPC address first", inner);
        return new(answer.Status switch
        {
            Answer.Unreachable => $"no server listens at {server}; start one with `btx serve --forest S`, or name another with --server",
            "unauthenticated" or "permission_denied" or "http_401" or "http_403" =>
                $"the server at {server} refused the key ({answer.Status}); give the right one with {ApiKeyFlag.Name} FILE",
            "unimplemented" or "http_404" =>
                $"{server} is not the {kind} address of a server ({answer.Status}); name the right address with --server",
            // Which status the client has for bytes that are no HTTP/2 depends on what it was doing when they came.
            _ when answer.Status == Answer.CutOff
                || inner is Grpc.Core.RpcException { Status.DebugException: HttpRequestException or IOException } =>
                $"what listens at {server} broke off its answer; is that the {kind} address of --server?",
            _ => $"the server at {server} answered {answer.Status}: {answer.Error}",
        }, inner);
    }

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

/// <summary>A server's addresses as the command line names them, and what may be loaded: this machine, unless told otherwise.</summary>
public static class ServerAddress
{
    /// <summary>Where <c>btx serve</c> listens unless told otherwise.</summary>
    public const string Default = ServerFlag.Usual + ",127.0.0.1:8080";

    /// <summary>Reads <c>GRPC[,HTTP]</c>: where a server speaks gRPC, and where HTTP, for the metrics, too.</summary>
    public static (Uri Grpc, Uri? Http) ParseServer(string option, string addresses, bool allowRemote)
    {
        var parts = addresses.Split(',');
        if (parts.Length > 2)
            throw new LoadTestException($"{option} {addresses}: names {parts.Length} addresses; expected GRPC[,HTTP], such as {Default}");
        return (Parse(option, parts[0], allowRemote), parts.Length > 1 ? Parse(option, parts[1], allowRemote) : null);
    }

    /// <summary>Reads <c>127.0.0.1:8081</c> or a URL.</summary>
    public static Uri Parse(string option, string address, bool allowRemote)
    {
        var hasScheme = address.Contains("://", StringComparison.Ordinal);
        if (!Uri.TryCreate(hasScheme ? address : $"http://{address}", UriKind.Absolute, out var uri)
            || uri is not { Scheme: "http" or "https", Host.Length: > 0, PathAndQuery: "/" }
            || (!hasScheme && !address.Contains(':', StringComparison.Ordinal)))
            throw new LoadTestException($"{option} {address}: not a server's address, such as 127.0.0.1:8081");
        if (!allowRemote && !uri.IsLoopback)
            throw new LoadTestException($"{option} {address}: not on this machine; add --allow-remote if you may take a server down");
        return uri;
    }

    /// <summary>The key that a server, or a proxy before it, asks for; null: none.</summary>
    public static string? ReadKey(ParseResult parsed, ApiKeyFlag flag) =>
        flag.Read(parsed, ReadKey, problem => new LoadTestException(problem));

    /// <summary>The file's only line.</summary>
    internal static string ReadKey(string file)
    {
        var key = LoadTestException.Wrap($"{ApiKeyFlag.Name} {file}: cannot be read", () => File.ReadAllText(file).Trim());
        return key.Length > 0 && key.All(c => c is > ' ' and < (char)127) ? key
            : throw new LoadTestException($"{ApiKeyFlag.Name} {file}: expected one line with a key, without blanks");
    }
}
