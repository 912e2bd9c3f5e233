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
    /// The split of every document, in order. Where few documents would leave a split empty, it gets the document whose hash is
    /// nearest to it, so that a small domain can be evaluated too.
    /// </summary>
    /// <exception cref="ArgumentException">Fewer than three documents.</exception>
    public static CorpusSplit[] Assign(IReadOnlyList<CorpusDocument> documents, CorpusRole role)
    {
        if (documents.Count < 3) throw new ArgumentException($"{documents.Count} documents cannot fill three splits", nameof(documents));
        CorpusSplit[] splits = [.. documents.Select(d => Of(d.Id, role))];
        int[] byHash = [.. Enumerable.Range(0, splits.Length).OrderBy(i => DocumentHash.ForSplit(documents[i].Id)).ThenBy(i => documents[i].Id, StringComparer.Ordinal)];
        foreach (var (split, preferred) in new[] { (CorpusSplit.Test, byHash), (CorpusSplit.Validation, byHash), (CorpusSplit.Train, [.. byHash.Reverse()]) })
        {
            if (splits.Contains(split)) continue;
            var donor = preferred.First(i => splits.Count(s => s == splits[i]) > 1);
            splits[donor] = split;
        }

        return splits;
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
            foreach (var i in Enumerable.Range(0, documents.Count).Where(i => splits[i] == split).OrderBy(i => DocumentHash.ForCap(documents[i].Id)))
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
