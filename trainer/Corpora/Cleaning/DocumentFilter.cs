using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Btx.Trainer.Corpora.Cleaning;

/// <summary>What one domain's documents must satisfy after cleaning. Lengths are in UTF-16 units.</summary>
/// <param name="MinimumCharacters">Shorter documents are dropped.</param>
/// <param name="MaximumLineCharacters">Longer lines are dropped; null in prose that has a paragraph or a document on one line.</param>
/// <param name="DropRepeats">Whether a document is dropped when most of it has been seen in the domain; it is counted in any case.</param>
/// <param name="PieceEnds">What ends the pieces by which repeats are told: lines, or sentences where a document may be one line.</param>
/// <param name="Comments">Comment form of source code, to drop a leading licence.</param>
/// <param name="DropEnglish">Whether to drop documents that are English: pages that a translation left untranslated.</param>
public sealed record CleaningRules(int MinimumCharacters = 200, int? MaximumLineCharacters = 5000, bool DropRepeats = true,
    string PieceEnds = "\n\u2028\u2029", CommentStyle Comments = CommentStyle.None, bool DropEnglish = false)
{
    /// <summary>For running text with very long lines.</summary>
    public static CleaningRules Prose { get; } = new() { MaximumLineCharacters = null };

    /// <summary>For a user's own folder: only empty documents and exact duplicates are dropped.</summary>
    public static CleaningRules OwnText { get; } =
        new() { MinimumCharacters = 1, MaximumLineCharacters = null, DropRepeats = false, PieceEnds = "\n\u2028\u2029.!?;:," };
}

/// <summary>Cleans the documents of one domain one after the other and decides which stay; remembers what it has seen.</summary>
public sealed partial class DocumentFilter(CleaningRules rules)
{
    private const int LongPiece = 30;
    private const double EnglishShare = 0.12, SeenShare = 0.6;
    private readonly HashSet<string> documents = [];
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> seen =
        new HashSet<string>(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Exact duplicates so far, which are dropped.</summary>
    public int Duplicates { get; private set; }

    /// <summary>Documents of which more than 60 % of the long pieces' characters had been seen, dropped or not.</summary>
    public int Repeats { get; private set; }

    /// <summary>The cleaned text, or null if the document is too short, foreign, or was seen before.</summary>
    public string? Clean(string text)
    {
        text = LicenceHeader.Strip(TextCleaner.Clean(text), rules.Comments);
        if (rules.MaximumLineCharacters is { } most && text.Split('\n') is var lines && lines.Any(l => l.Length > most))
            text = string.Join('\n', lines.Where(l => l.Length <= most)).Trim();
        var dropped = text.Length < rules.MinimumCharacters
            || (rules.DropEnglish && EnglishWords.Count(text) > EnglishShare * Math.Max(Words.Count(text), 1))
            || IsDuplicate(text)
            || (IsMostlySeen(text) && rules.DropRepeats);
        return dropped ? null : text;
    }

    // Copies that differ in layout only are equal.
    private bool IsDuplicate(string text)
    {
        if (documents.Add(Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(WhiteSpace.Replace(text, " ")))))) return false;
        Duplicates++;
        return true;
    }

    private bool IsMostlySeen(string text)
    {
        int total = 0, known = 0;
        var fresh = new List<Range>();
        foreach (var range in text.AsSpan().SplitAny(rules.PieceEnds.AsSpan()))
        {
            var piece = text.AsSpan()[range].Trim();
            if (piece.Length <= LongPiece) continue;
            total += piece.Length;
            if (seen.Contains(piece)) known += piece.Length;
            else fresh.Add(range);
        }

        if (total > 0 && known > SeenShare * total)
        {
            Repeats++;
            return true;
        }

        foreach (var range in fresh) seen.Add(text.AsSpan()[range].Trim());
        return false;
    }

    [GeneratedRegex(@"\b(the|of|and|is|to|in|that|you|for|this|are|with)\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex EnglishWords { get; }
    [GeneratedRegex(@"\S+")] private static partial Regex Words { get; }
    [GeneratedRegex(@"\s+")] private static partial Regex WhiteSpace { get; }
}
