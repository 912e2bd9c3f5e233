using Grpc.Core.Interceptors;

namespace Btx.Server.Rpc;

/// <summary>The status of a call as it stands in the answer's headers or trailers, for middleware around the library's handlers.</summary>
internal static class RpcStatus
{
    private const string StatusHeader = "grpc-status";
    private const string MessageHeader = "grpc-message";

    /// <summary>Ends a call before it reached a handler.</summary>
    public static Task WriteAsync(HttpContext http, StatusCode status, string message)
    {
        http.Response.ContentType = "application/grpc";
        Set(http.Response.Headers, status, message);
        return Task.CompletedTask;
    }

    /// <summary>The status that the call ended with, null where there is none yet, and its message.</summary>
    public static (StatusCode? Status, string? Message) Of(HttpContext http)
    {
        var (status, headers) = Read(http);
        return (status, headers[MessageHeader] is [{ Length: > 0 } message] ? Uri.UnescapeDataString(message) : null);
    }

    /// <summary>The refusal that the call ended with; null: none.</summary>
    public static Refusal? RefusalOf(HttpContext http)
    {
        var (status, headers) = Read(http);
        if (status is not { } code || Refusal.ReasonOf(code) is not { } reason) return null;
        var message = Uri.UnescapeDataString(headers[MessageHeader].ToString());
        return new(reason, message.Length > 0 ? message : $"status {code}");
    }

    /// <summary>Middleware. Where a message cannot be read the library answers UNKNOWN or INTERNAL. Ours let neither through unmarked, so a
    /// call that reached none of them, and ended so, was malformed.</summary>
    public static async Task BlameAsync(HttpContext http, RequestDelegate next)
    {
        await next(http);
        var (status, headers) = Read(http);
        if (status is not (StatusCode.Unknown or StatusCode.Internal) || http.Items.ContainsKey(typeof(RpcStatus))) return;
        Set(headers, StatusCode.InvalidArgument, status == StatusCode.Internal ? Uri.UnescapeDataString(headers[MessageHeader].ToString())
            : "the request is not a message of the method's type: it is malformed, or its text is not valid UTF-8");
    }

    /// <summary>A handler has the call: what goes wrong from here on is said by it.</summary>
    public static void MarkReached(ServerCallContext context) => context.GetHttpContext().Items[typeof(RpcStatus)] = true;

    private static (StatusCode? Status, IHeaderDictionary Headers) Read(HttpContext http)
    {
        var headers = http.Response.Headers;
        if (!headers.ContainsKey(StatusHeader)) headers = http.Features.Get<IHttpResponseTrailersFeature>()?.Trailers ?? headers;
        return (int.TryParse(headers[StatusHeader].ToString(), out var status) ? (StatusCode)status : null, headers);
    }

    private static void Set(IHeaderDictionary headers, StatusCode status, string message)
    {
        headers[StatusHeader] = ((int)status).ToString(System.Globalization.CultureInfo.InvariantCulture);
        headers[MessageHeader] = Uri.EscapeDataString(message);
    }
}

/// <summary>Turns refusals into gRPC statuses; anything unexpected is answered INTERNAL without detail, which the log has.</summary>
internal sealed class RejectionInterceptor : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context,
        UnaryServerMethod<TRequest, TResponse> continuation) => AnswerAsync(context, () => continuation(request, context));

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation) => AnswerAsync(context, async () =>
        {
            await continuation(request, responseStream, context);
            return true;
        });

    private static async Task<T> AnswerAsync<T>(ServerCallContext context, Func<Task<T>> handler)
    {
        RpcStatus.MarkReached(context);
        try
        {
            return await handler();
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw new RpcException(StatusOf(e, context));
        }
    }

    private static Status StatusOf(Exception exception, ServerCallContext context)
    {
        if (Rejection.Of(exception, paths: NeedsAttribute.Of(context.GetHttpContext()) == Scope.Admin) is { } rejection)
        {
            var status = rejection.Kind.Status().Grpc;
            if (Refusal.ReasonOf(status) is { } reason)
                context.GetHttpContext().Features.Set(new Refusal(reason, rejection.Message) { Field = rejection.Parameter });
            return new(status, rejection.Message);
        }

        if (context.CancellationToken.IsCancellationRequested)
            return context.Deadline <= DateTime.UtcNow ? new(StatusCode.DeadlineExceeded, "the deadline passed")
                : new(StatusCode.Cancelled, "the call was cancelled");
        const string Message = "internal error; the server's log says more";
        context.GetHttpContext().Features.Set(new Refusal(Refusal.Internal, Message, exception));
        return new(StatusCode.Internal, Message);
    }
}
