using System.Text.Json.Serialization;
using Btx.Server.Http.Chat;

namespace Btx.Server.Http.Responses;

/// <summary>A response as far as it has come.</summary>
internal sealed record ResponseObject(string Id, long CreatedAt, string Model, string SystemFingerprint)
{
    public string Object { get; } = "response";

    /// <summary>in_progress, completed, incomplete or failed.</summary>
    public string Status { get; init; } = "in_progress";

    public ResponseFailure? Error { get; init; }

    public Incompletion? IncompleteDetails { get; init; }

    public IReadOnlyList<OutputItem> Output { get; init; } = [];

    public ResponseUsage? Usage { get; init; }

    /// <summary>Null unless asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerExperts? Experts { get; init; }

    public required string? Instructions { get; init; }

    public required int? MaxOutputTokens { get; init; }

    public required double Temperature { get; init; }

    public required double TopP { get; init; }

    public required int TopLogprobs { get; init; }

    public required JsonElement Text { get; init; }

    public required JsonElement Tools { get; init; }

    public required JsonElement ToolChoice { get; init; }

    public required bool ParallelToolCalls { get; init; }

    public required JsonElement Metadata { get; init; }

    public required string? User { get; init; }

    public string Truncation { get; } = "disabled";

    /// <summary>Nothing is stored, whatever was asked for.</summary>
    public bool Store { get; }

    public bool Background { get; }

    public string? PreviousResponseId { get; }

    /// <param name="Code"><c>server_error</c>, or <c>removed</c> or <c>aborted</c> where a change of the forest ended it.</param>
    internal sealed record ResponseFailure(string Code, string Message);

    internal sealed record Incompletion(string Reason);
}

/// <summary>What the model said, or a function that it calls.</summary>
/// <param name="Type">message or function_call.</param>
internal sealed record OutputItem(string Type, string Id, string Status,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Role = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<OutputText>? Content = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? CallId = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Name = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Arguments = null);

/// <param name="Logprobs">Empty unless asked for.</param>
internal sealed record OutputText(string Text, IReadOnlyList<ChatLogProb> Logprobs)
{
    public string Type { get; } = "output_text";

    public IReadOnlyList<string> Annotations { get; } = [];
}

/// <summary>As of a completion, in the words of responses.</summary>
internal sealed record ResponseUsage(int InputTokens, ResponseUsage.InputDetails InputTokensDetails, int OutputTokens,
    ResponseUsage.OutputDetails OutputTokensDetails, int TotalTokens, IReadOnlyDictionary<string, int> ExpertSteps,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, double>? RoutedTokens)
{
    public static ResponseUsage Of(AnswerUsage usage) => new(usage.PromptTokens, new(usage.PromptTokensDetails.CachedTokens),
        usage.CompletionTokens, new(0), usage.TotalTokens, usage.ExpertSteps, usage.RoutedTokens);

    internal sealed record InputDetails(int CachedTokens);

    internal sealed record OutputDetails(int ReasoningTokens);
}

/// <summary>An event of a stream; each type has some of the fields.</summary>
internal sealed record ResponseEvent(string Type)
{
    public int SequenceNumber { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ResponseObject? Response { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? OutputIndex { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? ContentIndex { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ItemId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OutputItem? Item { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OutputText? Part { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Delta { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Text { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Arguments { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ChatLogProb>? Logprobs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerExperts? Experts { get; init; }
}
