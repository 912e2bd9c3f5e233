using System.Buffers;
using System.Globalization;
using System.Text;

namespace Btx.Model.Tokens;

/// <summary>A token that is matched in text as a whole, before any splitting.</summary>
/// <param name="Id">Its id; may lie inside or beyond the model's vocabulary.</param>
/// <param name="Content">The text it matches.</param>
/// <param name="Special">A control token: matched only where special tokens are allowed, and left out of decoded text.</param>
/// <param name="Normalized">Its normalised content is matched in the normalised text; otherwise its content in the text as given.</param>
/// <param name="SingleWord">Not matched beside a letter, digit, mark or underscore.</param>
/// <param name="StripLeft">White space before it is part of the match.</param>
/// <param name="StripRight">White space after it is part of the match.</param>
internal sealed record AddedToken(
    int Id, string Content, bool Special, bool Normalized, bool SingleWord = false, bool StripLeft = false, bool StripRight = false);

/// <summary>Finds added tokens in text, leftmost first and the longest of those that start there. The flags of a token are applied as
/// Hugging Face's <c>AddedVocabulary</c> does: a match that single_word discards hides shorter ones, and strips reach over white space
/// beside the match.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly Dictionary<(int Node, byte Byte), int> _edges = [];
    private readonly Dictionary<int, AddedToken> _tokens = [];
    private readonly SearchValues<byte> _first;

    private AddedTokenMatcher(IEnumerable<(AddedToken Token, byte[] Bytes)> tokens)
    {
        var nodes = 1;
        var first = new HashSet<byte>();
        foreach (var (token, bytes) in tokens)
        {
            var node = 0;
            first.Add(bytes[0]);
            foreach (var b in bytes)
            {
                if (!_edges.TryGetValue((node, b), out var child)) _edges.Add((node, b), child = nodes++);
                node = child;
            }

            _tokens.TryAdd(node, token); // of two that read alike when normalised the first is meant
        }

        _first = SearchValues.Create([.. first]);
    }

    /// <param name="normalizer">Null: the contents are matched as they are.</param>
    /// <returns>Null where there is nothing to match; a token of which normalisation leaves nothing is never matched.</returns>
    public static AddedTokenMatcher? Create(IEnumerable<AddedToken> tokens, TextNormalizer? normalizer = null)
    {
        var patterns = tokens.OrderByDescending(t => t.Special)
            .Select(t => (t, Encoding.UTF8.GetBytes(normalizer?.Apply(t.Content) ?? t.Content)));
        return patterns.Where(p => p.Item2.Length > 0).ToList() is { Count: > 0 } list ? new(list) : null;
    }

    /// <summary>The next token at or after <paramref name="search"/>, which moves behind it.</summary>
    /// <param name="from">Where the text that no token has taken begins.</param>
    public bool Next(ReadOnlySpan<byte> text, ref int search, int from, out int start, out int end, out int id)
    {
        while (Find(text, search, out start, out end) is { } token)
        {
            search = end;
            if (token.SingleWord && (EndsWithWord(text[..start]) || StartsWithWord(text[end..]))) continue;
            if (token.StripLeft) start = Math.Max(from, start - WhiteAtEnd(text[..start]));
            if (token.StripRight) end += WhiteAtStart(text[end..]);
            if (start > end) continue; // white space that the token before took already
            id = token.Id;
            return true;
        }

        id = -1;
        return false;
    }

    private AddedToken? Find(ReadOnlySpan<byte> text, int from, out int start, out int end)
    {
        end = text.Length;
        for (start = from; start < text.Length; start++)
        {
            var skip = text[start..].IndexOfAny(_first);
            if (skip < 0) break;
            start += skip;
            AddedToken? token = null;
            var node = 0;
            for (var at = start; at < text.Length && _edges.TryGetValue((node, text[at]), out node); at++)
                if (_tokens.TryGetValue(node, out var found)) (end, token) = (at + 1, found);

            if (token is not null) return token;
        }

        return null;
    }

    private static bool EndsWithWord(ReadOnlySpan<byte> text) =>
        Rune.DecodeLastFromUtf8(text, out var last, out _) == OperationStatus.Done && IsWord(last);

    private static bool StartsWithWord(ReadOnlySpan<byte> text) =>
        Rune.DecodeFromUtf8(text, out var first, out _) == OperationStatus.Done && IsWord(first);

    // \w as Unicode's technical standard 18 has it: alphabetic, marks, decimal digits, connectors and joiners.
    private static bool IsWord(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        <= UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation => true,
        UnicodeCategory.Format => rune.Value is 0x200C or 0x200D,
        UnicodeCategory.OtherSymbol => rune.Value is >= 0x24B6 and <= 0x24E9 or >= 0x1F130 and <= 0x1F149 or >= 0x1F150 and <= 0x1F169
            or >= 0x1F170 and <= 0x1F189,
        _ => false,
    };

    private static int WhiteAtEnd(ReadOnlySpan<byte> text)
    {
        var rest = text;
        while (Rune.DecodeLastFromUtf8(rest, out var rune, out var length) == OperationStatus.Done && Rune.IsWhiteSpace(rune))
            rest = rest[..^length];
        return text.Length - rest.Length;
    }

    private static int WhiteAtStart(ReadOnlySpan<byte> text)
    {
        var rest = text;
        while (Rune.DecodeFromUtf8(rest, out var rune, out var length) == OperationStatus.Done && Rune.IsWhiteSpace(rune))
            rest = rest[length..];
        return text.Length - rest.Length;
    }
}
