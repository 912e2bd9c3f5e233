using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Authorization;

namespace Btx.Server.Listeners;

/// <summary>The listeners: one for HTTP/1.1, one for gRPC, and where the operator wants one, one of both for administration. HTTP/2 is
/// always gRPC's.</summary>
internal static class Listener
{
    public const string Http = "http", Grpc = "grpc", Admin = "admin";
    private const string RequestIdHeader = "x-request-id";
    private const int LongestRequestId = 128;

    /// <summary>The one that a request came in by.</summary>
    public static string Of(HttpContext http) => CountedConnection.Of(http)?.Listener ?? (IsGrpc(http) ? Grpc : Http);

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

    /// <summary>What one protocol serves is not there in the other; and what is not for who generates, health aside, is served by the
    /// listener of administration alone, where there is one. After routing, before anything is known of the caller.</summary>
    public static void UseOwnEndpoints(this IApplicationBuilder app, bool hasAdmin) => app.Use((http, next) =>
    {
        if (http.GetEndpoint() is { } served && (IsGrpc(http) != (served.Metadata.GetMetadata<GrpcMethodMetadata>() is not null)
            || (hasAdmin && served is RouteEndpoint && !IsOpen(served) && IsAdministrative(served) != (Of(http) == Admin))))
            http.SetEndpoint(null);
        return next(http);
    });

    /// <summary>Says over gRPC what is not there; HTTP has a status for it.</summary>
    public static void UseUnimplemented(this IApplicationBuilder app, bool hasAdmin) => app.Use((http, next) =>
    {
        if (http.GetEndpoint() is not null || !IsGrpc(http)) return next(http);
        if (http.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true)
            return RpcStatus.WriteAsync(http, StatusCode.Unimplemented,
                hasAdmin && Of(http) != Admin
                    ? "there is no such service or method here; administration and reflection are at the port of --admin"
                    : "there is no such service or method here; reflection lists them, and HTTP is at another port");
        http.Response.StatusCode = StatusCodes.Status404NotFound;
        return http.Response.WriteAsync((hasAdmin, Of(http) == Admin) switch
        {
            (true, true) => "over HTTP/2 this port speaks gRPC; /v1/forest, /metrics and /health are here over HTTP/1.1, and the rest of "
                + "/v1 is at the port of --http\n",
            (true, false) => "this port speaks gRPC; /v1 and /health are at the port of --http, /v1/forest and /metrics at that "
                + "of --admin\n",
            _ => "this port speaks gRPC; /v1, /metrics and /health are at the HTTP port\n",
        });
    });

    private static bool IsOpen(Endpoint endpoint) => endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null;

    private static bool IsAdministrative(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<NeedsAttribute>()?.Any.HasFlag(Scope.Generate) != true;
}
