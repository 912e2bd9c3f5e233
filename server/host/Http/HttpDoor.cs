using Btx.Server.Requests;
using Microsoft.AspNetCore.Mvc;

namespace Btx.Server.Http;

/// <summary>The HTTP door: everything under <c>/v1</c>, in OpenAI's form but for <c>/v1/forest</c>.</summary>
internal static class HttpDoor
{
    /// <summary>HEAD is answered as GET is, without the body, which the HTTP layer leaves out.</summary>
    public static void UseHeadAsGet(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        if (HttpMethods.IsHead(http.Request.Method)) http.Request.Method = HttpMethods.Get;
        return next(http);
    });

    /// <summary>A body that its client compressed is decompressed, within the limit of its endpoint; after routing.</summary>
    public static void UseEncodedBodies(this IApplicationBuilder app)
    {
        app.UseRequestDecompression(); // takes the header away with the encoding, and leaves what it does not know as it is
        app.Use((http, next) => http.Request.Headers.ContentEncoding is [] or ["identity"]
            ? next(http)
            : new OpenAiError(StatusCodes.Status415UnsupportedMediaType,
            "the body's content-encoding is not taken; send it plain, or as gzip, br or deflate", "invalid_request_error", null,
            null).WriteAsync(http));
    }

    public static void MapHttpDoor(this IEndpointRouteBuilder endpoints, RequestLimits limits)
    {
        var v1 = endpoints.MapGroup("/v1").WithMetadata(new RequestSizeLimitAttribute(limits.BodyBytes));
        v1.MapModels();
        v1.MapCompletions();
        v1.MapForest();
    }
}
