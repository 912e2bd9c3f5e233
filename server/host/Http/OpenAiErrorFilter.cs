namespace Btx.Server.Http;

/// <summary>Answers failures of the endpoints in OpenAI's form; unexpected ones are logged.</summary>
internal sealed partial class OpenAiErrorFilter(ILogger<OpenAiErrorFilter> log) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        try
        {
            return await next(context).ConfigureAwait(false);
        }
        catch (Exception e) when (!http.Response.HasStarted)
        {
            if (OpenAiError.Of(e, http.RequestAborted) is not { } error) return Results.Empty;
            if (error == OpenAiError.Internal) LogFailure(log, e, http.Request.Path);
            await error.WriteAsync(http).ConfigureAwait(false);
            return Results.Empty;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Path} failed")]
    private static partial void LogFailure(ILogger logger, Exception exception, string path);
}
