using System.Text.RegularExpressions;

namespace Microsoft.ML.Tokenizers;

/// <summary>Cuts text into the pieces that are merged on their own.</summary>
public abstract class PreTokenizer
{
    private static readonly RegexPreTokenizer WordOrNonWord = new(new Regex(@"\w+|[^\w\s]+", RegexOptions.CultureInvariant), null);

    public abstract IEnumerable<(int Offset, int Length)> PreTokenize(string text);

    public abstract IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text);

    /// <summary>Runs of word characters and runs of other characters; white space is dropped.</summary>
    public static PreTokenizer CreateWordOrNonWord(IReadOnlyDictionary<string, int>? specialTokens = null) =>
        specialTokens is null or { Count: 0 } ? WordOrNonWord : throw new NotSupportedException("the stand-in takes no special tokens");
}
