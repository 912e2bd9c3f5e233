using System.Text.Json;
using Btx.Engine;
using Btx.Model;
using Btx.Server.Doors;
using Btx.Server.Requests;

namespace Btx.Server.Http;

/// <summary>An error in OpenAI's form: <c>{"error": {"message", "type", "param", "code"}}</c>.</summary>
/// <param name="Status">The HTTP status.</param>
internal sealed record OpenAiError(int Status, string Message, string Type, string? Parameter, string? Code)
{
    // The quotes of a message stay quotes, readable in a terminal.
    private static readonly JsonSerializerOptions s_json =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static OpenAiError Of(Rejection rejection)
    {
        var (type, code) = rejection.Reason switch
        {
            RejectionReason.NotFound => ("invalid_request_error", "model_not_found"),
            RejectionReason.Busy => ("rate_limit_error", "server_busy"),
            RejectionReason.ShuttingDown => ("server_error", "shutting_down"),
            RejectionReason.Aborted => ("server_error", "forest_changed"),
            RejectionReason.Exhausted => ("server_error", "out_of_memory"),
            RejectionReason.Damaged => ("server_error", "expert_damaged"),
            RejectionReason.Failed => ("server_error", (string?)null),
            _ => ("invalid_request_error", rejection.Code),
        };
        var parameter = rejection.Reason == RejectionReason.NotFound ? rejection.Parameter ?? "model"
            : type == "invalid_request_error" ? rejection.Parameter : null;
        return new(rejection.Status.Http, rejection.Message, type, parameter, code);
    }

    /// <summary>A failure that is not the request's; for the log, which alone shows it.</summary>
    public Exception? Unexpected { get; private init; }

    /// <summary>Null for a client that has left: there is nobody to answer.</summary>
    public static OpenAiError? Of(Exception exception, CancellationToken clientLeft) => exception switch
    {
        _ when Rejection.Of(exception) is { } rejection => Of(rejection),
        JsonException => Invalid($"the body is not valid JSON in UTF-8 ({BtxException.OneLine(exception.Message)})"),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => new(StatusCodes.Status413PayloadTooLarge,
            "the body is too large", "invalid_request_error", null, null),
        BadHttpRequestException { StatusCode: StatusCodes.Status429TooManyRequests } busy => new(busy.StatusCode, busy.Message,
            "rate_limit_error", null, "server_busy"),
        BadHttpRequestException bad => new(bad.StatusCode, BtxException.OneLine(bad.Message), "invalid_request_error", null, null),
        _ when clientLeft.IsCancellationRequested => null,
        _ => new(StatusCodes.Status500InternalServerError, "internal error; the server's log says more", "server_error", null,
            null)
        { Unexpected = exception },
    };

    public static OpenAiError Invalid(string message, string? parameter = null) =>
        new(StatusCodes.Status400BadRequest, message, "invalid_request_error", parameter, null);

    public byte[] ToJson() =>
        JsonSerializer.SerializeToUtf8Bytes(new { error = new { message = Message, type = Type, param = Parameter, code = Code } }, s_json);

    public async Task WriteAsync(HttpContext context)
    {
        Record(context);
        context.Response.StatusCode = Status;
        context.Response.ContentType = "application/json";
        if (Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
            context.Response.Headers.RetryAfter = "1";
        await context.Response.Body.WriteAsync(ToJson(), context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Says to the counter and the log what the request was refused with, where no status does: within a stream.</summary>
    public void Record(HttpContext context) => context.Features.Set(new Refusal(Refusal.ReasonOf(Status)!, Message, Unexpected));
}
