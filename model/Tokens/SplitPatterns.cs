namespace Btx.Model.Tokens;

/// <summary>The split patterns' published expressions, as <c>tokenizer.json</c> spells them.</summary>
internal static class SplitPatterns
{
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    public const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public const string Qwen =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public static SplitPattern? Parse(string expression) => expression switch
    {
        Gpt2 => SplitPattern.Gpt2,
        Llama3 => SplitPattern.Llama3,
        Qwen => SplitPattern.Qwen,
        _ => null,
    };

    public static string Expression(SplitPattern pattern) => pattern switch
    {
        SplitPattern.Llama3 => Llama3,
        SplitPattern.Qwen => Qwen,
        _ => Gpt2,
    };
}
