using Btx.LoadTests.Records;

namespace Btx.LoadTests.Statistics;

/// <summary>How far one group of values lies above another: the median of all pairs' differences, with the 95 % interval that
/// Mann-Whitney's test leaves (Hollander &amp; Wolfe, §4.2-4.3).</summary>
public static class HodgesLehmann
{
    /// <summary>Second minus first; the interval is null where no rank is far enough out, as for 3 values against 3.</summary>
    public static Estimate Shift(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        double[] differences = [.. first.SelectMany(a => second.Select(b => b - a))];
        Array.Sort(differences);
        var middle = Quantile.Value(differences, 0.5);
        var rank = Rank(first.Count, second.Count);
        return rank < 1 ? new Estimate(middle, null, null, differences.Length)
            : new Estimate(middle, differences[rank - 1], differences[^rank], differences.Length);
    }

    /// <summary>Largest c with P(U &lt; c) ≤ 2.5 %.</summary>
    internal static int Rank(int m, int n)
    {
        if (m + n > MannWhitney.LargestExact)
        {
            double mean = m * (double)n / 2, deviation = Math.Sqrt(m * (double)n * (m + n + 1) / 12);
            return (int)Math.Floor(mean - (1.959964 * deviation));
        }

        // ways[j][u]: divisions of the values seen so far with j in the second group and U = u.
        var ways = new double[n + 1][];
        for (var j = 0; j <= n; j++) ways[j] = new double[(m * n) + 1];
        ways[0][0] = 1;
        for (var seen = 0; seen < m + n; seen++)
            for (var j = Math.Min(n, seen + 1); j >= 1; j--)
            {
                var below = seen - (j - 1); // of the first group, if this value joins the second
                if (below > m) continue;
                for (var u = m * n; u >= below; u--) ways[j][u] += ways[j - 1][u - below];
            }

        double all = ways[n].Sum(), sum = 0;
        for (var c = 0; c <= m * n; c++)
            if ((sum += ways[n][c]) > 0.025 * all) return c;
        return 0;
    }
}
