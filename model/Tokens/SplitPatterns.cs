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

/// <summary>How text is cut into pre-tokens before merging. Each is one published regular expression,
/// matched by <see cref="PreTokenScanner"/>.</summary>
public enum SplitPattern
{
    /// <summary>GPT-2's: a leading space joins letters, digits or symbols. The <c>ByteLevel</c>
    /// pre-tokenizer with its own expression.</summary>
    Gpt2,

    /// <summary>Llama 3's: case-blind contractions, digits in threes, line ends kept together.</summary>
    Llama3,

    /// <summary>Qwen 2 and 3's: Llama 3's with single digits.</summary>
    Qwen,
}
