using MathNet.Numerics.Distributions;

namespace Btx.LoadTests.Statistics;

/// <summary>
/// Mann-Whitney U (Wilcoxon's rank sum): are values of one group larger than those of another? Two-sided. Exact by
/// counting every division of the pooled midranks, ties
/// included, up to 50 values; above that the normal approximation with corrections for ties and continuity.
/// </summary>
/// <param name="U">Pairs in which the second group's value is the larger one, ties one half.</param>
public readonly record struct MannWhitney(double U, double P)
{
    internal const int LargestExact = 50;

    /// <exception cref="ArgumentException">An empty group.</exception>
    public static MannWhitney Test(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        if (first.Count == 0 || second.Count == 0) throw new ArgumentException("a group without values");
        int m = first.Count, n = second.Count;
        var doubled = DoubledRanks([.. first, .. second]);
        long sum = 0;
        for (var i = m; i < m + n; i++) sum += doubled[i];
        var u = (sum / 2.0) - (n * (n + 1) / 2.0);
        return new(u, m + n <= LargestExact ? Exact(doubled, n, sum) : Approximate(doubled, m, n, u));
    }

    // Twice the midranks: whole numbers.
    private static int[] DoubledRanks(double[] values)
    {
        var order = Enumerable.Range(0, values.Length).ToArray();
        Array.Sort([.. values], order);
        var ranks = new int[values.Length];
        for (int i = 0, j; i < order.Length; i = j)
        {
            for (j = i + 1; j < order.Length && values[order[j]] == values[order[i]]; j++) { }
            for (var t = i; t < j; t++) ranks[order[t]] = i + j + 1;
        }

        return ranks;
    }

    private static double Exact(int[] doubled, int n, long observed)
    {
        var total = doubled.Sum();
        var ways = new double[n + 1][];
        for (var size = 0; size <= n; size++) ways[size] = new double[total + 1];
        ways[0][0] = 1;
        foreach (var rank in doubled)
            for (var size = n; size >= 1; size--)
                for (var s = total; s >= rank; s--) ways[size][s] += ways[size - 1][s - rank];

        // Distances from the mean, times the number of values: whole numbers.
        var distance = Math.Abs((observed * doubled.Length) - ((long)n * total));
        double extreme = 0, all = 0;
        for (var s = 0; s <= total; s++)
        {
            all += ways[n][s];
            if (Math.Abs(((long)s * doubled.Length) - ((long)n * total)) >= distance) extreme += ways[n][s];
        }

        return Math.Min(1, extreme / all);
    }

    private static double Approximate(int[] doubled, int m, int n, double u)
    {
        double all = m + n, ties = doubled.GroupBy(r => r).Sum(g => Math.Pow(g.Count(), 3) - g.Count());
        var variance = m * (double)n / 12 * (all + 1 - (ties / (all * (all - 1))));
        if (variance <= 0) return 1;
        var z = (Math.Abs(u - (m * (double)n / 2)) - 0.5) / Math.Sqrt(variance);
        return z <= 0 ? 1 : 2 * Normal.CDF(0, 1, -z);
    }
}
