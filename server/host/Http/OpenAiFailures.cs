using Btx.Model;

namespace Btx.Server.Http;

/// <summary>Answers every failure at the HTTP door in OpenAI's form, wherever in the pipeline it arises.</summary>
internal static class OpenAiFailures
{
    public static void UseOpenAiFailures(this IApplicationBuilder app) => app.Use(async (http, next) =>
    {
        try
        {
            await next(http).ConfigureAwait(false);
        }
        catch (Exception e) when (OpenAiError.Of(e, http.RequestAborted) is { } error)
        {
            if (http.Response.HasStarted)
            {
                error.Record(http);
                http.Abort(); // a part of an answer is not to pass for a whole one
                return;
            }

            try
            {
                await error.WriteAsync(http).ConfigureAwait(false);
            }
            catch (Exception) when (http.RequestAborted.IsCancellationRequested)
            {
                // It is counted; there is nobody to answer.
            }
        }
        catch (Exception) when (http.RequestAborted.IsCancellationRequested)
        {
            // There is nobody to answer.
        }
    });

    /// <summary>Paths and methods that do not exist are answered in OpenAI's form, too.</summary>
    public static void UseOpenAiStatusPages(this IApplicationBuilder app) => app.UseStatusCodePages(async pages =>
    {
        var http = pages.HttpContext;
        if (!http.Request.Path.StartsWithSegments("/v1")) return;
        var status = http.Response.StatusCode;
        var (method, path) = (BtxException.OneLine(http.Request.Method, 20), BtxException.OneLine(http.Request.Path, 200));
        var message = status switch
        {
            StatusCodes.Status404NotFound => $"no such path: {method} {path}",
            StatusCodes.Status405MethodNotAllowed => $"{path} does not take {method}",
            _ => $"refused with status {status}",
        };
        await new OpenAiError(status, message, "invalid_request_error", null, null).WriteAsync(http).ConfigureAwait(false);
    });
}
