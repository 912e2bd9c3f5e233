using System.Text;

namespace Btx.Trainer.Corpora;

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

    /// <summary>
    /// The least share of a domain's text that a split may hold: half of what is meant for it, and for training what two held-out splits of
    /// twice their share leave.
    /// </summary>
    private static double Least(CorpusSplit split, CorpusRole role) =>
        Math.Max(
            Share(split, role) / 2,
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
        for (var i = 0; i < splits.Length; i++) Move(i, (int)splits[i], 1);
        var total = (double)bytes.Sum();
        int[] byHash =
        [
            .. Enumerable.Range(0, splits.Length).Where(i => units[i].Fixed is null)
                .OrderBy(i => DocumentHash.ForSplit(units[i].Id)).ThenBy(i => units[i].Id, StringComparer.Ordinal),
        ];
        foreach (var (split, preferred) in new[] { (CorpusSplit.Test, byHash), (CorpusSplit.Validation, byHash),
            (CorpusSplit.Train, [.. byHash.Reverse()]) })
        {
            foreach (var i in preferred.Where(i => splits[i] != split))
            {
                if (count[(int)split] > 0 && bytes[(int)split] >= Least(split, role) * total) break;
                if (bytes[(int)splits[i]] - units[i].Bytes >= Least(splits[i], role) * total) Give(i, split);
            }

            // A handful of documents: better unequal than empty.
            if (count[(int)split] > 0) continue;
            if (preferred.FirstOrDefault(i => count[(int)splits[i]] > 1, -1) is var last and >= 0) Give(last, split);
        }

        return splits;

        void Give(int unit, CorpusSplit split)
        {
            Move(unit, (int)splits[unit], -1);
            Move(unit, (int)(splits[unit] = split), 1);
        }

        void Move(int unit, int split, int by)
        {
            count[split] += by;
            bytes[split] += by * units[unit].Bytes;
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
            var left = limitBytes * Share(split, role);
            var first = true;
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
