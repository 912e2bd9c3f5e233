using System.Text.Json.Serialization;

namespace Btx.Server.Http.Messages;

/// <summary>An answer in Anthropic's form.</summary>
/// <param name="StopReason">end_turn, max_tokens, stop_sequence or tool_use; null: it goes on.</param>
internal sealed record MessageAnswer(string Id, string Model, IReadOnlyList<AnswerBlock> Content, string? StopReason, string? StopSequence,
    MessageUsage Usage)
{
    public string Type { get; } = "message";

    public string Role { get; } = "assistant";

    /// <summary>Null unless asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerExperts? Experts { get; init; }
}

/// <param name="Type">text or tool_use.</param>
internal sealed record AnswerBlock(string Type,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Text = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Id = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Name = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] JsonElement? Input = null);

/// <summary>As of a completion, in the words of messages. There is no cache of prompts.</summary>
internal sealed record MessageUsage(int InputTokens, int OutputTokens, IReadOnlyDictionary<string, int> ExpertSteps,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, double>? RoutedTokens)
{
    public int CacheCreationInputTokens { get; }

    public int CacheReadInputTokens { get; private init; }

    public static MessageUsage Of(AnswerUsage usage) =>
        new(usage.PromptTokens, usage.CompletionTokens, usage.ExpertSteps, usage.RoutedTokens)
        {
            CacheReadInputTokens = usage.PromptTokensDetails.CachedTokens,
        };
}

/// <summary>An event of a stream; each type has some of the fields.</summary>
internal sealed record MessageEvent(string Type)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MessageAnswer? Message { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Index { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerBlock? ContentBlock { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerDelta? Delta { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MessageUsage? Usage { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerExperts? Experts { get; init; }
}

/// <summary>What an event adds.</summary>
[JsonDerivedType(typeof(BlockDelta))]
[JsonDerivedType(typeof(EndDelta))]
internal abstract record AnswerDelta;

/// <param name="Type">text_delta or input_json_delta.</param>
internal sealed record BlockDelta(string Type,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Text = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? PartialJson = null) : AnswerDelta;

internal sealed record EndDelta(string? StopReason, string? StopSequence) : AnswerDelta;

/// <summary>An error in Anthropic's form: <c>{"type": "error", "error": {"type", "message"}, "request_id"}</c>.</summary>
internal static class MessageError
{
    public static byte[] Of(OpenAiError error, HttpContext http) => JsonSerializer.SerializeToUtf8Bytes(
        new(new(TypeOf(error.Status), error.Message), http.TraceIdentifier), BodyJson.Answers.MessageErrorBody);

    private static string TypeOf(int status) => status switch
    {
        StatusCodes.Status401Unauthorized => "authentication_error",
        StatusCodes.Status403Forbidden => "permission_error",
        StatusCodes.Status404NotFound => "not_found_error",
        StatusCodes.Status413PayloadTooLarge => "request_too_large",
        StatusCodes.Status429TooManyRequests => "rate_limit_error",
        StatusCodes.Status503ServiceUnavailable => "overloaded_error",
        < 500 => "invalid_request_error",
        _ => "api_error",
    };
}

/// <summary>The error as it is sent.</summary>
internal sealed record MessageErrorBody(MessageErrorBody.ErrorFields Error, string RequestId)
{
    public string Type { get; } = "error";

    internal sealed record ErrorFields(string Type, string Message);
}
