using Btx.Server.Rpc;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace Btx.Server.Doors;

/// <summary>The two doors. Each speaks one protocol, so the protocol of a request says which one it came by.</summary>
internal static class Door
{
    public const string Http = "http";
    public const string Rpc = "grpc";

    public static string Of(HttpContext http) => IsRpc(http) ? Rpc : Http;

    public static bool IsRpc(HttpContext http) => HttpProtocol.IsHttp2(http.Request.Protocol);

    /// <summary>Middleware of the HTTP door alone.</summary>
    public static void UseAtHttpDoor(this IApplicationBuilder app, Action<IApplicationBuilder> configure) =>
        app.UseWhen(http => !IsRpc(http), configure);

    /// <summary>What one door serves is not there at the other; after routing.</summary>
    public static void UseDoorsOfTheirOwn(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        var served = http.GetEndpoint();
        if (served is not null && IsRpc(http) != (served.Metadata.GetMetadata<GrpcMethodMetadata>() is not null))
            http.SetEndpoint(served = null);
        if (served is not null || !IsRpc(http)) return next(http);
        if (http.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) != true)
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return http.Response.WriteAsync("this is the gRPC door; /v1, /metrics and /health are at the HTTP door, another port\n");
        }

        return RpcStatus.WriteAsync(
            http, StatusCode.Unimplemented,
                "there is no such service or method here; reflection lists them, and the HTTP door is another port");
    });
}
