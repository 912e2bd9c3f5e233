namespace Btx.Model.Moe;

/// <summary>
/// Row j is the mean hidden state of domain j less the mean over the domains, at unit length: <c>W_j
/// = (m_j − m) / ‖m_j − m‖</c>, so that a logit is
/// the length of the state's part along the domain's own direction (nearest centroid; Rocchio 1971). Subtracting m
/// from every row shifts all logits of a token alike.
/// </summary>
public static class CentroidRouter
{
    /// <returns>[N·d], row-major, not yet scaled. A domain that does not differ from the mean has a row of 0.</returns>
    public static double[] Fit(IReadOnlyList<LayerStatistics> domains)
    {
        var d = domains[0].Sum.Length;
        var rows = Offsets(domains);
        for (var j = 0; j < domains.Count; j++)
        {
            var row = rows.AsSpan(j * d, d);
            double square = 0;
            foreach (var v in row) square += v * v;
            if (square == 0) continue;
            for (var i = 0; i < d; i++) row[i] /= Math.Sqrt(square);
        }

        return rows;
    }

    /// <summary>m_j − m, [N·d].</summary>
    public static double[] Offsets(IReadOnlyList<LayerStatistics> domains)
    {
        int n = domains.Count, d = domains[0].Sum.Length;
        var offsets = new double[(long)n * d];
        for (var i = 0; i < d; i++)
        {
            double mean = 0;
            for (var j = 0; j < n; j++) mean += (offsets[(j * d) + i] = domains[j].Sum[i] / (double)domains[j].Count) / n;
            for (var j = 0; j < n; j++) offsets[(j * d) + i] -= mean;
        }

        return offsets;
    }
}
