using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core.Interceptors;

namespace Btx.Server.Rpc;

/// <summary>The status of a call as it stands in the answer's headers or trailers, for middleware around the library's handlers.</summary>
internal static class RpcStatus
{
    private const string StatusHeader = "grpc-status";
    private const string MessageHeader = "grpc-message";

    /// <summary>Ends a call before it reached a handler.</summary>
    /// <param name="reason">A machine's word for it; null: that of the status.</param>
    /// <param name="wait">When it may be tried again; null: nobody knows.</param>
    public static Task WriteAsync(HttpContext http, StatusCode status, string message, string? reason = null, TimeSpan? wait = null)
    {
        http.Response.ContentType = "application/grpc";
        Set(http.Response.Headers, ErrorDetails.Of(status, message, reason, null, wait));
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

    /// <summary>Middleware. Where a message cannot be read the library answers UNKNOWN or INTERNAL, and RESOURCE_EXHAUSTED where it is too
    /// large. Ours let none through unmarked, so a call that reached none of them, and ended so, was malformed.</summary>
    public static async Task BlameAsync(HttpContext http, RequestDelegate next)
    {
        var limit = http.RequestServices.GetRequiredService<RequestLimits>().BodyBytes;
        await next(http);
        var (status, headers) = Read(http);
        if (status is null or StatusCode.OK or StatusCode.Cancelled or StatusCode.DeadlineExceeded || headers.IsReadOnly
            || headers.ContainsKey(ErrorDetails.Header))
            return;
        var message = Uri.UnescapeDataString(headers[MessageHeader].ToString());
        Set(headers, http.Items.ContainsKey(typeof(RpcStatus)) ? ErrorDetails.Of(status.Value, message) : status switch
        {
            StatusCode.Internal => ErrorDetails.Of(StatusCode.InvalidArgument, message),
            StatusCode.Unknown => ErrorDetails.Of(StatusCode.InvalidArgument,
                "the request is not a message of the method's type: it is malformed, or its text is not valid UTF-8"),
            StatusCode.ResourceExhausted when message.Contains("maximum configured message size", StringComparison.Ordinal) =>
                ErrorDetails.Of(StatusCode.ResourceExhausted,
                    $"the message has more than {limit} bytes, the most that this server takes (its option --max-body-mb)",
                    "message_too_large"),
            StatusCode.ResourceExhausted => ErrorDetails.Of(status.Value, message, null, null, TimeSpan.FromSeconds(1)),
            _ => ErrorDetails.Of(status.Value, message),
        });
    }

    /// <summary>A handler has the call: what goes wrong from here on is said by it.</summary>
    public static void MarkReached(ServerCallContext context) => context.GetHttpContext().Items[typeof(RpcStatus)] = true;

    private static (StatusCode? Status, IHeaderDictionary Headers) Read(HttpContext http)
    {
        var headers = http.Response.Headers;
        if (!headers.ContainsKey(StatusHeader)) headers = http.Features.Get<IHttpResponseTrailersFeature>()?.Trailers ?? headers;
        return (int.TryParse(headers[StatusHeader].ToString(), out var status) ? (StatusCode)status : null, headers);
    }

    private static void Set(IHeaderDictionary headers, Google.Rpc.Status status)
    {
        headers[StatusHeader] = status.Code.ToString(System.Globalization.CultureInfo.InvariantCulture);
        headers[MessageHeader] = Encoded(status.Message);
        headers[ErrorDetails.Header] = Convert.ToBase64String(status.ToByteArray());
    }

    // No more is encoded than gRPC says: grpc-js reads %3A as it stands.
    private static string Encoded(string message) => string.Concat(Encoding.UTF8.GetBytes(message)
        .Select(b => b is >= 0x20 and < 0x7F and not (byte)'%' ? $"{(char)b}" : $"%{b:X2}"));
}

/// <summary>Turns refusals into gRPC statuses; anything unexpected is answered INTERNAL without detail, which the log has.</summary>
internal sealed class RejectionInterceptor : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context,
        UnaryServerMethod<TRequest, TResponse> continuation) => AnswerAsync(request, context, () => continuation(request, context));

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation) => AnswerAsync(request, context, async () =>
        {
            await continuation(request, responseStream, context);
            return true;
        });

    private static async Task<T> AnswerAsync<T>(object request, ServerCallContext context, Func<Task<T>> handler)
    {
        RpcStatus.MarkReached(context);
        try
        {
            return await handler();
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw StatusOf(e, (request as IMessage)?.Descriptor, context).ToRpcException();
        }
    }

    private static Google.Rpc.Status StatusOf(Exception exception, MessageDescriptor? request, ServerCallContext context)
    {
        var http = context.GetHttpContext();
        if (Rejection.Of(exception, paths: NeedsAttribute.Of(http) == Scope.Admin) is { } rejection)
        {
            rejection = rejection with { Parameter = ErrorDetails.Path(rejection, request) };
            if (Refusal.ReasonOf(rejection.Kind.Status().Grpc) is { } reason)
                http.Features.Set(new Refusal(reason, rejection.Message) { Field = rejection.Parameter });
            return ErrorDetails.Of(rejection, http.RequestServices.GetRequiredService<Caller>().RetryAfter);
        }

        if (context.CancellationToken.IsCancellationRequested)
            return context.Deadline <= DateTime.UtcNow ? ErrorDetails.Of(StatusCode.DeadlineExceeded, "the deadline passed")
                : ErrorDetails.Of(StatusCode.Cancelled, "the call was cancelled");
        const string Message = "internal error; the server's log says more";
        http.Features.Set(new Refusal(Refusal.Internal, Message, exception));
        return ErrorDetails.Of(StatusCode.Internal, Message);
    }
}
