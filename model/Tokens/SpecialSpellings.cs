using System.Text;

namespace Btx.Model.Tokens;

/// <summary>How a tokenizer's special tokens are spelled: finds them in text, and breaks those that a client spells out.</summary>
internal sealed class SpecialSpellings
{
    private readonly string[] _spellings;
    private readonly HashSet<string> _beginnings = new(StringComparer.Ordinal); // proper prefixes of them
    private readonly AddedTokenMatcher? _matcher;

    public SpecialSpellings(IReadOnlyList<AddedToken> tokens)
    {
        _spellings = [.. tokens.Select(t => t.Content)];
        foreach (var spelling in _spellings)
            for (var length = 1; length < spelling.Length; length++) _beginnings.Add(spelling[..length]);
        _matcher = AddedTokenMatcher.Create(tokens);
    }

    /// <summary>Puts <paramref name="divider"/> into every spelling, and behind the beginning of one at the end of the text, which what
    /// follows could complete.</summary>
    /// <exception cref="BtxException">A special token of one character, which cannot be broken.</exception>
    public string Part(string text, char divider)
    {
        foreach (var spelling in _spellings)
        {
            if (!text.Contains(spelling, StringComparison.Ordinal)) continue;
            var first = Rune.GetRuneAt(spelling, 0).Utf16SequenceLength;
            if (first == spelling.Length) throw new BtxException($"{TokenizerDefinition.Quote(spelling)} is a special token; leave it out");
            var broken = spelling.Insert(first, divider.ToString());
            while (text.Contains(spelling, StringComparison.Ordinal)) text = text.Replace(spelling, broken, StringComparison.Ordinal);
        }

        var beginnings = _beginnings.GetAlternateLookup<ReadOnlySpan<char>>();
        var longest = Math.Min(text.Length, _spellings.Select(s => s.Length - 1).DefaultIfEmpty(0).Max());
        for (var length = 1; length <= longest; length++)
            if (beginnings.Contains(text.AsSpan(text.Length - length))) return text + divider;
        return text;
    }

    /// <returns>The text between special tokens, each part with the token behind it; the last has none.</returns>
    public List<(string Text, int? Special)> Split(string text)
    {
        ReadOnlySpan<byte> bytes = Encoding.UTF8.GetBytes(text);
        var parts = new List<(string, int?)>();
        int at = 0, search = 0;
        while (_matcher is not null && _matcher.Next(bytes, ref search, at, out var start, out var end, out var id))
        {
            parts.Add((Encoding.UTF8.GetString(bytes[at..Math.Max(at, start)]), id));
            at = end;
        }

        parts.Add((Encoding.UTF8.GetString(bytes[at..]), null));
        return parts;
    }
}
