using System.Globalization;

namespace Btx.Trainer.Corpora;

/// <summary>
/// Divides long documents: into passages that stay together in one split, and, where a document is so large that a split could not take it
/// whole, into a beginning for training and an end for validation and test. Never inside a character.
/// </summary>
public static class TextDivision
{
    /// <summary>UTF-16 units from which on a document may be divided over the splits.</summary>
    public const int LeastDivided = 4_000;

    /// <summary>UTF-16 units up to which a document is one passage, and of a passage of a longer one.</summary>
    public const int LongText = 32_000, Passage = 16_000;

    private const int Slack = 2_000;
    private static readonly string[] Boundaries = ["\n\n", "\n", ". ", "! ", "? ", "。", "！", "？", " ", "　"];

    /// <summary>The documents as units of a split. A document larger than twice the share of the smallest split is divided over all three.</summary>
    /// <param name="divided">Hears the ids of those.</param>
    public static List<SplitUnit> Units(IReadOnlyList<CorpusDocument> documents, CorpusRole role, Action<string> divided)
    {
        SplitUnit[] whole = [.. documents.Select(d => new SplitUnit(d.Id, [d]))];
        var largest = 2 * DocumentSplit.Share(CorpusSplit.Validation, role) * whole.Sum(u => u.Bytes);
        var ids = documents.Select(d => d.Id).ToHashSet(StringComparer.Ordinal);
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        var units = new List<SplitUnit>();
        foreach (var (unit, document) in whole.Zip(documents))
        {
            var text = document.Text;
            if (unit.Bytes > largest && text.Length >= LeastDivided)
            {
                divided(document.Id);
                var validation = Cut(text, 0, (int)(text.Length * DocumentSplit.Share(CorpusSplit.Train, role)));
                var test = Cut(text, validation, (int)(text.Length * (1 - DocumentSplit.Share(CorpusSplit.Test, role))));
                Add(document.Id, text[..validation], CorpusSplit.Train);
                Add(document.Id, text[validation..test], CorpusSplit.Validation);
                Add(document.Id, text[test..], CorpusSplit.Test);
            }
            else if (text.Length > LongText)
            {
                Add(document.Id, text, null);
            }
            else
            {
                units.Add(unit);
            }
        }

        return units;

        void Add(string id, string text, CorpusSplit? split)
        {
            CorpusDocument[] passages = [.. Passages(text).Select(passage => new CorpusDocument(Unique(id), passage))];
            if (passages.Length > 0) units.Add(new SplitUnit(id, passages, split));
        }

        string Unique(string id)
        {
            string passage;
            do
            {
                passage = $"{id}/{numbers[id] = numbers.GetValueOrDefault(id, -1) + 1}";
            }
            while (!ids.Add(passage));
            return passage;
        }
    }

    /// <summary>Pieces of about <see cref="Passage"/> units: all of the text but the white space between them.</summary>
    public static IEnumerable<string> Passages(string text)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = text.Length - start <= Passage ? text.Length : Cut(text, start, start + Passage);
            if (text.AsSpan(start, end - start).Trim() is { IsEmpty: false } piece) yield return piece.ToString();
            start = end;
        }
    }

    /// <summary>A place to cut, after <paramref name="start"/> and not after <paramref name="end"/>: behind a paragraph, else a line, a sentence, a word, a character.</summary>
    public static int Cut(string text, int start, int end)
    {
        var low = end - Math.Min(Slack, (end - start) / 2);
        foreach (var boundary in Boundaries)
        {
            var at = text.AsSpan(low, end - low).LastIndexOf(boundary, StringComparison.Ordinal);
            if (at >= 0) return low + at + boundary.Length;
        }

        for (var at = end; at > low; at--)
        {
            if (BeginsCharacter(text, at)) return at;
        }

        return char.IsLowSurrogate(text[end]) && end - 1 > start ? end - 1 : end;
    }

    // Marks and what a joiner binds belong to the character before them.
    private static bool BeginsCharacter(string text, int at) =>
        !char.IsLowSurrogate(text[at]) && text[at] != '\u200D' && text[at - 1] != '\u200D'
        && CharUnicodeInfo.GetUnicodeCategory(text, at) is not (UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark)
        && !(text[at - 1] == '\r' && text[at] == '\n');
}
