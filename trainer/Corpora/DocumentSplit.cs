using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Btx.Trainer.Corpora;

/// <summary>
/// What goes into one split whole: a document, the passages of a long one, or a part of one that is divided over the splits.
/// </summary>
/// <param name="Id">Its hash decides the split.</param>
/// <param name="Fixed">The split, where it is decided already.</param>
public sealed record SplitUnit(string Id, IReadOnlyList<CorpusDocument> Documents, CorpusSplit? Fixed = null)
{
    /// <summary>UTF-8 bytes of text.</summary>
    public long Bytes { get; } = Documents.Sum(d => (long)Encoding.UTF8.GetByteCount(d.Text));
}

/// <summary>Independent uniform numbers in [0, 1) out of a document's id: the same in every run and on every machine.</summary>
internal static class DocumentHash
{
    /// <summary>Decides the split.</summary>
    public static double ForSplit(string id) => Fraction(id, 0);

    /// <summary>Decides what a cap keeps.</summary>
    public static double ForCap(string id) => Fraction(id, 8);

    /// <summary>Decides what a sample for a vocabulary holds.</summary>
    public static double ForSample(string id) => Fraction(id, 16);

    private static double Fraction(string id, int offset) =>
        (BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(id)).AsSpan(offset)) >> 11) / (double)(1L << 53);
}

/// <summary>
/// Divides documents among the splits by a hash of their ids: of a train domain 5 % are test and 5 % validation, of an eval-only
/// domain 40 % and 20 % (nothing needs its training split unless it gets an expert later). The same id goes to the same split in
/// every run, whatever other documents there are, so nothing that was trained on turns up in a later test.
/// </summary>
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

    /// <summary>
    /// The split of every unit, in order. Where few or unequal ones would leave a split empty, or with less than half of the text that is
    /// meant for it, it gets those whose hash is nearest to it, so that a small domain can be evaluated too.
    /// </summary>
    /// <exception cref="ArgumentException">Fewer than three units.</exception>
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

    /// <summary>
    /// Which documents a cap of <paramref name="limitBytes"/> of UTF-8 text keeps: in each split, up to its share of the cap, a sample
    /// by a second hash of the id that is independent of the split. So every part of the domain is in it, the held-out splits
    /// keep their share, and a capped domain's test documents are test documents of the whole domain too.
    /// </summary>
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
