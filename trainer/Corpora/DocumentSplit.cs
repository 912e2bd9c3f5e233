using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Btx.Trainer.Corpora;

/// <summary>What goes into one split whole: a document, the passages of a long one, or a part of one that is divided.</summary>
/// <param name="Fixed">The split, where it is decided already; else the hash of the id decides.</param>
public sealed record SplitUnit(string Id, IReadOnlyList<CorpusDocument> Documents, CorpusSplit? Fixed = null)
{
    /// <summary>UTF-8 bytes of text.</summary>
    public long Bytes { get; } = Documents.Sum(d => (long)Encoding.UTF8.GetByteCount(d.Text));
}

/// <summary>Independent uniform numbers in [0, 1) out of a document's id: the same in every run and on every machine.</summary>
internal static class DocumentHash
{
    public static double ForSplit(string id) => Fraction(id, 0);

    public static double ForCap(string id) => Fraction(id, 8); // what a cap keeps

    public static double ForSample(string id) => Fraction(id, 16); // what a sample for a vocabulary holds

    private static double Fraction(string id, int offset) =>
        (BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(id)).AsSpan(offset)) >> 11) / (double)(1L << 53);
}

/// <summary>Divides documents among the splits by a hash of their ids: of a train domain 5 % are test and 5 % validation, of an eval-only
/// domain 40 % and 20 % (nothing needs its training split unless it gets an expert later). The same id goes to the same split in every run,
/// whatever other documents there are, so nothing that was trained on turns up in a later test.</summary>
public static class DocumentSplit
{
    /// <summary>Share of a domain's documents that a split gets.</summary>
    public static double Share(CorpusSplit split, CorpusRole role) => (split, role) switch
    {
        (CorpusSplit.Train, CorpusRole.Train) => 0.9,
        (_, CorpusRole.Train) => 0.05,
        (CorpusSplit.Validation, _) => 0.2,
        _ => 0.4,
    };

    /// <summary>The split that the id's hash alone gives.</summary>
    public static CorpusSplit Of(string id, CorpusRole role)
    {
        var fraction = DocumentHash.ForSplit(id);
        var test = Share(CorpusSplit.Test, role);
        return fraction < test ? CorpusSplit.Test
            : fraction < test + Share(CorpusSplit.Validation, role) ? CorpusSplit.Validation
            : CorpusSplit.Train;
    }

    // The least share of a domain's text that a split may hold: half of what is meant for it, and for training what two held-out splits of
    // twice their share leave.
    private static double Least(CorpusSplit split, CorpusRole role) => Math.Max(Share(split, role) / 2,
        split == CorpusSplit.Train ? 1 - (2 * (Share(CorpusSplit.Validation, role) + Share(CorpusSplit.Test, role))) : 0);

    /// <summary>The split of every unit, in order. Where few or unequal ones would leave a split empty, or with less than half of the text
    /// that is meant for it, it gets those whose hash is nearest to it, so that a small domain can be evaluated too.</summary>
    public static CorpusSplit[] Assign(IReadOnlyList<SplitUnit> units, CorpusRole role)
    {
        if (units.Count < 3) throw new ArgumentException($"{units.Count} documents cannot fill three splits", nameof(units));
        CorpusSplit[] splits = [.. units.Select(u => u.Fixed ?? Of(u.Id, role))];
        var (count, bytes) = (new int[3], new long[3]);
        for (var i = 0; i < splits.Length; i++) Move(i, splits[i], 1);
        var total = (double)bytes.Sum();
        int[] byHash = [.. Enumerable.Range(0, splits.Length).Where(i => units[i].Fixed is null)
            .OrderBy(i => DocumentHash.ForSplit(units[i].Id)).ThenBy(i => units[i].Id, StringComparer.Ordinal)];
        foreach (var split in (CorpusSplit[])[CorpusSplit.Test, CorpusSplit.Validation, CorpusSplit.Train])
        {
            int[] preferred = split == CorpusSplit.Train ? [.. byHash.Reverse()] : byHash;
            foreach (var i in preferred.Where(i => splits[i] != split))
            {
                if (count[(int)split] > 0 && bytes[(int)split] >= Least(split, role) * total) break;
                if (bytes[(int)splits[i]] - units[i].Bytes >= Least(splits[i], role) * total) Give(i, split);
            }

            // A handful of documents: better unequal than empty.
            if (count[(int)split] == 0 && preferred.FirstOrDefault(i => count[(int)splits[i]] > 1, -1) is >= 0 and var last)
                Give(last, split);
        }

        return splits;

        void Give(int unit, CorpusSplit split)
        {
            Move(unit, splits[unit], -1);
            Move(unit, splits[unit] = split, 1);
        }

        void Move(int unit, CorpusSplit split, int by)
        {
            count[(int)split] += by;
            bytes[(int)split] += by * units[unit].Bytes;
        }
    }

    /// <summary>Which documents a cap of <paramref name="limitBytes"/> of UTF-8 text keeps: in each split, up to its share of the cap, a
    /// sample by a second hash of the id that is independent of the split. So every part of the domain is in it, the held-out splits keep
    /// their share, and a capped domain's test documents are test documents of the whole domain too.</summary>
    public static bool[] Cap(IReadOnlyList<CorpusDocument> documents, IReadOnlyList<CorpusSplit> splits, CorpusRole role, long limitBytes)
    {
        var kept = new bool[documents.Count];
        foreach (var split in Enum.GetValues<CorpusSplit>())
        {
            var (left, first) = (limitBytes * Share(split, role), true);
            foreach (var i in Enumerable.Range(0, documents.Count).Where(i => splits[i] == split)
                .OrderBy(i => DocumentHash.ForCap(documents[i].Id)))
            {
                var size = Encoding.UTF8.GetByteCount(documents[i].Text);
                if (size > left && !first) continue;
                (kept[i], first) = (true, false);
                left -= size;
            }
        }

        return kept;
    }
}

/// <summary>Divides long documents: into passages that stay together in one split, and, where a document is so large that a split could not
/// take it whole, into a beginning for training and an end for validation and test. Never inside a character. Lengths are in UTF-16
/// units.</summary>
public static class TextDivision
{
    /// <summary>From which on a document may be divided over the splits.</summary>
    public const int LeastDivided = 4_000;

    /// <summary>Up to which a document is one passage.</summary>
    public const int LongText = 32_000;

    private const int Passage = 16_000, Slack = 2_000;
    private static readonly string[] Boundaries = ["\n\n", "\n", ". ", "! ", "? ", "。", "！", "？", " ", "　"];

    /// <summary>The documents as units of a split. One over twice the share of the smallest split is divided over all three.</summary>
    /// <param name="divided">Called with the ids of those.</param>
    public static List<SplitUnit> Units(IReadOnlyList<CorpusDocument> documents, CorpusRole role, Action<string> divided)
    {
        SplitUnit[] whole = [.. documents.Select(d => new SplitUnit(d.Id, [d]))];
        var largest = 2 * DocumentSplit.Share(CorpusSplit.Validation, role) * whole.Sum(u => u.Bytes);
        var ids = documents.Select(d => d.Id).ToHashSet(StringComparer.Ordinal);
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        var units = new List<SplitUnit>();
        foreach (var unit in whole)
        {
            var text = unit.Documents[0].Text;
            if (unit.Bytes > largest && text.Length >= LeastDivided)
            {
                divided(unit.Id);
                var validation = Cut(text, 0, (int)(text.Length * DocumentSplit.Share(CorpusSplit.Train, role)));
                var test = Cut(text, validation, (int)(text.Length * (1 - DocumentSplit.Share(CorpusSplit.Test, role))));
                Add(unit.Id, text[..validation], CorpusSplit.Train);
                Add(unit.Id, text[validation..test], CorpusSplit.Validation);
                Add(unit.Id, text[test..], CorpusSplit.Test);
                continue;
            }

            if (text.Length > LongText) Add(unit.Id, text, null);
            else units.Add(unit);
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
    private static IEnumerable<string> Passages(string text)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = text.Length - start <= Passage ? text.Length : Cut(text, start, start + Passage);
            if (text.AsSpan(start, end - start).Trim() is { IsEmpty: false } piece) yield return piece.ToString();
            start = end;
        }
    }

    /// <summary>A place to cut behind start and not behind end: after a paragraph, else a line, a sentence, a word, a character.</summary>
    public static int Cut(string text, int start, int end)
    {
        var low = end - Math.Min(Slack, (end - start) / 2);
        foreach (var boundary in Boundaries)
        {
            var at = text.AsSpan(low, end - low).LastIndexOf(boundary, StringComparison.Ordinal);
            if (at >= 0) return low + at + boundary.Length;
        }

        var begin = end;
        while (begin > low && !BeginsCharacter(text, begin)) begin--;
        if (begin > low) return begin;
        return char.IsLowSurrogate(text[end]) && end - 1 > start ? end - 1 : end;
    }

    // Marks and what a joiner binds belong to the character before them.
    private static bool BeginsCharacter(string text, int at) =>
        !char.IsLowSurrogate(text[at]) && text[at] != '\u200D' && text[at - 1] != '\u200D'
        && CharUnicodeInfo.GetUnicodeCategory(text, at) is not (
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark)
        && !(text[at - 1] == '\r' && text[at] == '\n');
}
