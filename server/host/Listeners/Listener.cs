using Grpc.AspNetCore.Server;

namespace Btx.Server.Listeners;

/// <summary>The two listeners. Each speaks one protocol, so the protocol of a request says which one it came by.</summary>
internal static class Listener
{
    public const string Http = "http", Grpc = "grpc";
    private const string RequestIdHeader = "x-request-id";
    private const int LongestRequestId = 128;

    public static string Of(HttpContext http) => IsGrpc(http) ? Grpc : Http;

    public static bool IsGrpc(HttpContext http) => HttpProtocol.IsHttp2(http.Request.Protocol);

    /// <summary>Middleware of the HTTP listener alone.</summary>
    public static void UseForHttp(this IApplicationBuilder app, Action<IApplicationBuilder> configure) =>
        app.UseWhen(http => !IsGrpc(http), configure);

    /// <summary>The id of a request, in its answer and in the log: the client's own where it is short and plain, else a new one.</summary>
    public static void UseRequestIds(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        var isPlain = http.Request.Headers[RequestIdHeader] is [{ Length: > 0 and <= LongestRequestId } sent]
            && sent.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
        http.TraceIdentifier = isPlain ? http.Request.Headers[RequestIdHeader]! : Guid.NewGuid().ToString("N");
        http.Response.Headers[RequestIdHeader] = http.TraceIdentifier;
        return next(http);
    });

    /// <summary>What one listener serves is not there at the other; after routing.</summary>
    public static void UseOwnEndpoints(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        var served = http.GetEndpoint();
        if (served is not null && IsGrpc(http) != (served.Metadata.GetMetadata<GrpcMethodMetadata>() is not null))
            http.SetEndpoint(served = null);
        if (served is not null || !IsGrpc(http)) return next(http);
        if (http.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true)
            return RpcStatus.WriteAsync(http, StatusCode.Unimplemented,
                "there is no such service or method here; reflection lists them, and HTTP is at another port");
        http.Response.StatusCode = StatusCodes.Status404NotFound;
        return http.Response.WriteAsync("this port speaks gRPC; /v1, /metrics and /health are at the HTTP port\n");
    });
}
