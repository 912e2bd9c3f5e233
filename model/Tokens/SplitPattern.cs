namespace Btx.Model.Tokens;

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
