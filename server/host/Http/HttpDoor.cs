using Btx.Model;
using Btx.Server.Requests;
using Microsoft.AspNetCore.Mvc;

namespace Btx.Server.Http;

/// <summary>The HTTP door: everything under <c>/v1</c>, in OpenAI's form but for <c>/v1/forest</c>.</summary>
internal static class HttpDoor
{
    public static void MapHttpDoor(this IEndpointRouteBuilder endpoints, RequestLimits limits)
    {
        var v1 = endpoints.MapGroup("/v1").AddEndpointFilter<RouteGroupBuilder, OpenAiErrorFilter>().WithMetadata(new RequestSizeLimitAttribute(limits.BodyBytes));
        v1.MapModels();
        v1.MapCompletions();
        v1.MapForest();
    }

    /// <summary>Paths and methods that do not exist are answered in OpenAI's form, too.</summary>
    public static void UseOpenAiStatusPages(this IApplicationBuilder app) => app.UseStatusCodePages(async pages =>
    {
        var http = pages.HttpContext;
        if (!http.Request.Path.StartsWithSegments("/v1")) return;
        var status = http.Response.StatusCode;
        var message = status switch
        {
            StatusCodes.Status404NotFound => $"no such path: {BtxException.OneLine($"{http.Request.Method} {http.Request.Path}", 200)}",
            StatusCodes.Status405MethodNotAllowed =>
                $"{BtxException.OneLine(http.Request.Path, 200)} does not take {BtxException.OneLine(http.Request.Method, 20)}",
            _ => $"refused with status {status}",
        };
        await new OpenAiError(status, message, "invalid_request_error", null, null).WriteAsync(http).ConfigureAwait(false);
    });
}
