using Btx.Server.Http.Messages;

namespace Btx.Server.Http;

/// <summary>An error in OpenAI's form: <c>{"error": {"message", "type", "param", "code"}}</c>.</summary>
/// <param name="Status">The HTTP status.</param>
internal sealed record OpenAiError(int Status, string Message, string Type, string? Parameter, string? Code)
{
    private const string Overloaded = "server_busy"; // not the client's doing, as a quota is

    public static OpenAiError Of(RequestProblem rejection)
    {
        var (type, code) = rejection.Kind switch
        {
            ErrorKind.Missing => ("invalid_request_error", "model_not_found"),
            ErrorKind.Busy => rejection.Code is { } limit ? ("rate_limit_error", limit) : ("server_error", Overloaded),
            ErrorKind.Unavailable => ("server_error", rejection.Code ?? "shutting_down"),
            ErrorKind.Conflict => ("server_error", "forest_changed"),
            ErrorKind.Exhausted => ("server_error", "out_of_memory"),
            ErrorKind.Damaged => ("server_error", "expert_damaged"),
            ErrorKind.Internal => ("server_error", (string?)null),
            _ => ("invalid_request_error", rejection.Code),
        };
        var parameter = rejection.Kind == ErrorKind.Missing ? rejection.Parameter ?? "model"
            : type == "invalid_request_error" ? rejection.Parameter : null;
        var status = code == Overloaded ? StatusCodes.Status503ServiceUnavailable : rejection.Kind.Status().Http;
        return new(status, rejection.Message, type, parameter, code);
    }

    /// <summary>A failure that is not the request's; for the log, which alone shows it.</summary>
    public Exception? Unexpected { get; private init; }

    /// <summary>Null for a client that has left: there is nobody to answer.</summary>
    public static OpenAiError? Of(Exception exception, CancellationToken clientLeft) => exception switch
    {
        _ when Rejection.Of(exception) is { } rejection => Of(rejection),
        RpcException { StatusCode: StatusCode.Unauthenticated } ended => // within a stream: the key is good no more
            new(StatusCodes.Status401Unauthorized, ended.Status.Detail, "invalid_request_error", null, "invalid_api_key"),
        JsonException json => Invalid($"the body is not valid JSON in UTF-8 ({Words(json)})"),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => Invalid("the body is too large",
            status: StatusCodes.Status413PayloadTooLarge),
        BadHttpRequestException { StatusCode: StatusCodes.Status503ServiceUnavailable } busy =>
            new(busy.StatusCode, busy.Message, "server_error", null, Overloaded),
        BadHttpRequestException bad => Invalid(BtxException.OneLine(bad.Message), null, bad.StatusCode),
        _ when clientLeft.IsCancellationRequested => null,
        _ => new(StatusCodes.Status500InternalServerError, "internal error; the server's log says more", "server_error", null, null)
        {
            Unexpected = exception,
        },
    };

    // What follows the first sentence is for who writes a reader.
    private static string Words(JsonException e)
    {
        var words = BtxException.OneLine(e.Message.Split(". ")[0].TrimEnd('.'));
        return e is { LineNumber: { } line, BytePositionInLine: { } at } ? $"{words}: line {line + 1}, byte {at + 1}" : words;
    }

    public static OpenAiError Invalid(string message, string? parameter = null, int status = StatusCodes.Status400BadRequest) =>
        new(status, message, "invalid_request_error", parameter, null);

    public byte[] ToJson() =>
        JsonSerializer.SerializeToUtf8Bytes(new(new(Message, Type, Parameter, Code)), BodyJson.Answers.OpenAiErrorBody);

    /// <summary>In the form that the clients of a path understand.</summary>
    private byte[] ToJson(HttpContext http) => MessagesEndpoints.Serves(http) ? MessageError.Of(this, http) : ToJson();

    public async Task WriteAsync(HttpContext context)
    {
        Record(context);
        context.Response.StatusCode = Status;
        context.Response.ContentType = "application/json";
        if (Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
            context.Response.Headers.RetryAfter = "1";
        var body = ToJson(context);
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    /// <summary>Says to the counter and the log what the request was refused with, where no status does: within a stream.</summary>
    public void Record(HttpContext context) => context.Features.Set(new Refusal(
        Code == Overloaded ? Refusal.Busy : Refusal.ReasonOf(Status)!, Message, Unexpected)
    {
        Field = Parameter ?? (Status == StatusCodes.Status400BadRequest ? "body" : null),
    });

    /// <summary>Answers every failure of an HTTP request in OpenAI's form, wherever in the pipeline it arises.</summary>
    public static void AnswerFailures(IApplicationBuilder app) => app.Use(async (http, next) =>
    {
        try
        {
            await next(http);
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
                await error.WriteAsync(http);
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
    public static void AnswerStatuses(IApplicationBuilder app) => app.UseStatusCodePages(async pages =>
    {
        var http = pages.HttpContext;
        var status = http.Response.StatusCode;
        var (method, path) = (BtxException.OneLine(http.Request.Method, 20), BtxException.OneLine(http.Request.Path, 200));
        var message = status switch
        {
            StatusCodes.Status404NotFound => $"no such path: {method} {path}",
            StatusCodes.Status405MethodNotAllowed => $"{path} does not take {method}",
            _ => $"refused with status {status}",
        };
        await Invalid(message, status: status).WriteAsync(http);
    });
}

/// <summary>The error as it is sent.</summary>
internal sealed record OpenAiErrorBody(OpenAiErrorBody.Fields Error)
{
    internal sealed record Fields(string Message, string Type, string? Param, string? Code);
}
