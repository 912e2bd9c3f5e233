using System.Buffers;

namespace Btx.Server.Requests;

/// <summary>Text or token ids, as the client gave it.</summary>
internal readonly record struct Prompt(string? Text, int[]? Tokens = null)
{
    /// <summary>What is wrong before it becomes tokens; null if nothing is.</summary>
    /// <param name="field">What the request calls it.</param>
    public RequestProblem? Problem(RequestLimits limits, string field) => this switch
    {
        { Text: null, Tokens: null } => new(field, $"{field} is missing; give a text or token ids"),
        { Text.Length: 0 } or { Tokens.Length: 0 } => new(field, $"{field} is empty; give at least one character"),
        { Text: { } text } when text.Length > limits.PromptCharacters =>
            new(field, $"{field} has {text.Length} characters; at most {limits.PromptCharacters} are taken"),
        { Text: { } text } when HasLoneSurrogate(text) => new(field, $"{field} is not valid Unicode: it holds half of a surrogate pair"),
        _ => null,
    };

    private static bool HasLoneSurrogate(string text)
    {
        for (int i = 0, used; i < text.Length; i += used)
        {
            if (Rune.DecodeFromUtf16(text.AsSpan(i), out _, out used) != OperationStatus.Done) return true;
        }

        return false;
    }
}

/// <summary>What is accepted at most, before any work is done for it; <see cref="RequestRules"/> has what the engine accepts.</summary>
internal sealed record RequestLimits
{
    public const int DefaultMaxTokens = 16;

    /// <summary>Answers to one request, those that <c>best_of</c> drops included.</summary>
    public const int MaxChoices = 128;

    /// <summary>Tokens of all answers to one request, where there are several.</summary>
    public const int MaxAnswerTokens = 1 << 20;

    /// <summary>Tokens that all windows of one score read.</summary>
    public const int MaxScoreTokens = 1 << 22;

    /// <summary>Characters of a model's id and of a user's name.</summary>
    public const int MaxNameLength = 512;

    /// <summary>Characters (UTF-16) of a prompt or of a text to score.</summary>
    public int PromptCharacters { get; init; } = 1_000_000;

    /// <summary>Bytes of an HTTP body or a gRPC message.</summary>
    public int BodyBytes { get; init; } = 4 << 20;
}
