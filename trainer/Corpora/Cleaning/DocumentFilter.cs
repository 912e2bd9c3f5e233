using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Btx.Trainer.Corpora.Cleaning;

/// <summary>Cleans the documents of one domain one after the other and decides which stay; remembers what it has seen.</summary>
public sealed partial class DocumentFilter
{
    private const int LongLine = 30;
    private const double EnglishShare = 0.12, SeenShare = 0.6;
    private readonly CleaningRules rules;
    private readonly HashSet<string> documents = [];
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> seen;

    /// <summary>A filter that has seen nothing yet.</summary>
    public DocumentFilter(CleaningRules rules)
    {
        this.rules = rules;
        seen = new HashSet<string>(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Documents dropped so far: too short, foreign, or seen before.</summary>
    public int Dropped { get; private set; }

    /// <summary>Of those, exact duplicates.</summary>
    public int Duplicates { get; private set; }

    /// <summary>Documents of which more than 60 % of the long pieces' characters had been seen, dropped or not.</summary>
    public int Repeats { get; private set; }

    /// <summary>The cleaned text, or null if the document is to be dropped.</summary>
    public string? Clean(string text)
    {
        text = LicenceHeader.Strip(TextCleaner.Clean(text), rules.Comments);
        if (rules.MaximumLineCharacters is { } maximum) text = WithoutLongLines(text, maximum);
        if (text.Length < rules.MinimumCharacters
            || (rules.DropEnglish && IsEnglish(text))
            || IsDuplicate(text)
            || (IsMostlySeen(text) && rules.DropRepeats))
        {
            Dropped++;
            return null;
        }

        return text;
    }

    private static string WithoutLongLines(string text, int maximum)
    {
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            if (line.Length > maximum) return string.Join('\n', text.Split('\n').Where(l => l.Length <= maximum)).Trim();
        }

        return text;
    }

    private static bool IsEnglish(string text)
    {
        var words = 0;
        var inWord = false;
        foreach (var c in text)
        {
            var letter = !char.IsWhiteSpace(c);
            if (letter && !inWord) words++;
            inWord = letter;
        }

        return EnglishWords().Count(text) > EnglishShare * Math.Max(words, 1);
    }

    /// <summary>SHA-256 of the text with every run of white space as one space: equal for copies that differ in layout only.</summary>
    private static string Fingerprint(string text) =>
        Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(WhiteSpace().Replace(text, " "))));

    private bool IsDuplicate(string text)
    {
        if (documents.Add(Fingerprint(text))) return false;
        Duplicates++;
        return true;
    }

    private bool IsMostlySeen(string text)
    {
        int total = 0, known = 0;
        foreach (var range in text.AsSpan().SplitAny(rules.PieceEnds.AsSpan()))
        {
            var piece = text.AsSpan()[range].Trim();
            if (piece.Length <= LongLine) continue;
            total += piece.Length;
            if (seen.Contains(piece)) known += piece.Length;
        }

        if (total > 0 && known > SeenShare * total)
        {
            Repeats++;
            return true;
        }

        foreach (var range in text.AsSpan().SplitAny(rules.PieceEnds.AsSpan()))
        {
            var piece = text.AsSpan()[range].Trim();
            if (piece.Length > LongLine) seen.Add(piece);
        }

        return false;
    }

    [GeneratedRegex(@"\b(the|of|and|is|to|in|that|you|for|this|are|with)\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex EnglishWords();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant)]
    private static partial Regex WhiteSpace();
}
