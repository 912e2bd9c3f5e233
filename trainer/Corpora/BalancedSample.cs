namespace Btx.Trainer.Corpora;

/// <summary>Training documents of several domains in about equal amounts, so that no domain's words crowd out another's.</summary>
public static class BalancedSample
{
    /// <summary>
    /// Up to <paramref name="limitBytes"/> of UTF-8 text over all domains: each has an equal share, and what a small domain cannot
    /// fill goes to the larger ones. Documents are chosen by a hash of their ids: the same in every run.
    /// </summary>
    public static IEnumerable<CorpusDocument> Read(CorpusDirectory corpus, IReadOnlyList<CorpusDomain> domains, long limitBytes)
    {
        var share = Share([.. domains.Select(d => d.Train.Bytes)], limitBytes);
        foreach (var domain in domains)
        {
            var keep = domain.Train.Bytes <= share ? 1.0 : share / domain.Train.Bytes;
            foreach (var document in corpus.Read(domain, CorpusSplit.Train))
            {
                if (keep >= 1 || DocumentHash.ForSample(document.Id) < keep) yield return document;
            }
        }
    }

    /// <summary>The most bytes a domain may give so that all together give at most <paramref name="limitBytes"/>.</summary>
    internal static double Share(IReadOnlyList<long> sizes, long limitBytes)
    {
        var left = (double)limitBytes;
        var ordered = sizes.Order().ToArray();
        for (var i = 0; i < ordered.Length; i++)
        {
            var share = left / (ordered.Length - i);
            if (ordered[i] > share) return share;
            left -= ordered[i];
        }

        return double.PositiveInfinity;
    }
}
