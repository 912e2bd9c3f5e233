namespace Btx.Server.Requests;

/// <summary>Text or token ids, as the client gave it.</summary>
internal readonly record struct Prompt(string? Text, int[]? Tokens)
{
    public static Prompt FromText(string text) => new(text, null);

    public static Prompt FromTokens(int[] tokens) => new(null, tokens);
}
