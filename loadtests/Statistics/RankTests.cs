using MathNet.Numerics.Distributions;

namespace Btx.LoadTests.Statistics;

/// <summary>Mann-Whitney U, two-sided: exact with midranks up to 50 values, then normal, corrected for ties and continuity.</summary>
/// <param name="U">Pairs in which the second group's value is the larger one, ties one half.</param>
public readonly record struct MannWhitney(double U, double P)
{
    internal const int LargestExact = 50;

    public static MannWhitney Test(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        if (first.Count == 0 || second.Count == 0) throw new ArgumentException("a group without values");
        int m = first.Count, n = second.Count;
        // Twice the midranks: whole numbers.
        double[] pooled = [.. first, .. second];
        int[] doubled = [.. pooled.Select(v => pooled.Count(o => o < v) + pooled.Count(o => o <= v) + 1)];
        long sum = doubled[m..].Sum();
        var u = (sum / 2.0) - (n * (n + 1) / 2.0);
        return new(u, m + n <= LargestExact ? Exact(doubled, n, sum) : Approximate(doubled, m, n, u));
    }

    /// <summary>Divisions of the pooled ranks with <paramref name="n"/> in the second group, by the sum of its ranks.</summary>
    internal static double[] Divisions(int[] ranks, int n)
    {
        var total = ranks.Sum();
        var ways = new double[n + 1, total + 1];
        ways[0, 0] = 1;
        foreach (var rank in ranks)
        {
            for (var size = n; size >= 1; size--)
                for (var s = total; s >= rank; s--) ways[size, s] += ways[size - 1, s - rank];
        }

        return [.. Enumerable.Range(0, total + 1).Select(s => ways[n, s])];
    }

    private static double Exact(int[] doubled, int n, long observed)
    {
        var ways = Divisions(doubled, n);
        var total = doubled.Sum();
        // Distances from the mean, times the number of values: whole numbers.
        long Distance(long sum) => Math.Abs((sum * doubled.Length) - ((long)n * total));
        return Math.Min(1, ways.Where((_, s) => Distance(s) >= Distance(observed)).Sum() / ways.Sum());
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

/// <summary>How far one group lies above another: the median of all pairs' differences (Hollander &amp; Wolfe, §4.2-4.3).</summary>
public static class HodgesLehmann
{
    /// <summary>Second minus first; the interval is null where no rank is far enough out, as for 3 values against 3.</summary>
    public static Estimate Shift(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        double[] differences = [.. first.SelectMany(a => second.Select(b => b - a)).Order()];
        var rank = Rank(first.Count, second.Count);
        return new(Quantile.Value(differences, 0.5), rank < 1 ? null : differences[rank - 1], rank < 1 ? null : differences[^rank],
            differences.Length);
    }

    /// <summary>Largest c with P(U &lt; c) ≤ 2.5 %.</summary>
    internal static int Rank(int m, int n)
    {
        if (m + n > MannWhitney.LargestExact)
            return (int)Math.Floor((m * (double)n / 2) - (1.959964 * Math.Sqrt(m * (double)n * (m + n + 1) / 12)));
        // Without ties U is the rank sum less its smallest value.
        var ways = MannWhitney.Divisions([.. Enumerable.Range(1, m + n)], n)[(n * (n + 1) / 2)..];
        var sum = 0.0;
        return Array.FindIndex(ways, w => (sum += w) > 0.025 * ways.Sum());
    }
}

/// <summary>Holm's step-down correction: the chance of even one false finding among all comparisons stays below the level.</summary>
public static class Holm
{
    public static double[] Adjust(IReadOnlyList<double> p)
    {
        var adjusted = new double[p.Count];
        var highest = 0.0;
        foreach (var (rank, i) in Enumerable.Range(0, p.Count).OrderBy(i => p[i]).Index())
            adjusted[i] = highest = Math.Min(1, Math.Max(highest, (p.Count - rank) * p[i]));
        return adjusted;
    }
}
