using Btx.Engine;

namespace Btx.Server.Requests;

/// <summary>Text or token ids, as the client gave it.</summary>
internal readonly record struct Prompt(string? Text, int[]? Tokens)
{
    public static Prompt FromText(string text) => new(text, null);

    public static Prompt FromTokens(int[] tokens) => new(null, tokens);

    /// <summary>What is wrong before it becomes tokens; null if nothing is.</summary>
    public RequestProblem? Problem(RequestLimits limits) => this switch
    {
        { Text: null, Tokens: null } => new("prompt", "prompt is missing; give a text or token ids"),
        { Text.Length: 0 } or { Tokens.Length: 0 } => new("prompt", "prompt is empty; give at least one character"),
        { Text: { } text } when text.Length > limits.PromptCharacters =>
            new("prompt", $"prompt has {text.Length} characters; at most {limits.PromptCharacters} are taken"),
        { Text: { } text } when HasLoneSurrogate(text) => new("prompt", "prompt is not valid Unicode: it holds half of a surrogate pair"),
        _ => null,
    };

    private static bool HasLoneSurrogate(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (!char.IsHighSurrogate(text[i]) || i + 1 == text.Length || !char.IsLowSurrogate(text[i + 1])) return true;
            i++;
        }

        return false;
    }
}
