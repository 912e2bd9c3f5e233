using System.Text.RegularExpressions;

namespace Microsoft.ML.Tokenizers;

/// <summary>Each match of a regular expression is a piece.</summary>
public class RegexPreTokenizer : PreTokenizer
{
    private readonly Regex _regex;

    public RegexPreTokenizer(Regex regex, IReadOnlyDictionary<string, int>? specialTokens)
    {
        ArgumentNullException.ThrowIfNull(regex);
        if (specialTokens is { Count: > 0 }) throw new NotSupportedException("the stand-in takes no special tokens");
        _regex = regex;
    }

    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return PreTokenize(text.AsSpan());
    }

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var pieces = new List<(int, int)>();
        foreach (var match in _regex.EnumerateMatches(text)) pieces.Add((match.Index, match.Length));
        return pieces;
    }
}
