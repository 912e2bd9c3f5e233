using Btx.LoadTests.Records;
using MathNet.Numerics.Distributions;

namespace Btx.LoadTests.Statistics;

/// <summary>
/// Mann-Whitney U (Wilcoxon's rank sum): are values of one group larger than those of another? Two-sided. Exact by counting every division
/// of the pooled midranks, ties included, up to 50 values; above that the normal approximation with corrections for ties and continuity.
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
        // Twice the midranks: whole numbers.
        double[] pooled = [.. first, .. second];
        int[] doubled = [.. pooled.Select(v => pooled.Count(o => o < v) + pooled.Count(o => o <= v) + 1)];
        long sum = doubled[m..].Sum();
        var u = (sum / 2.0) - (n * (n + 1) / 2.0);
        return new(u, m + n <= LargestExact ? Exact(doubled, n, sum) : Approximate(doubled, m, n, u));
    }

    private static double Exact(int[] doubled, int n, long observed)
    {
        var total = doubled.Sum();
        var ways = new double[n + 1, total + 1];
        ways[0, 0] = 1;
        foreach (var rank in doubled)
        {
            for (var size = n; size >= 1; size--)
            {
                for (var s = total; s >= rank; s--) ways[size, s] += ways[size - 1, s - rank];
            }
        }

        // Distances from the mean, times the number of values: whole numbers.
        long Distance(long sum) => Math.Abs((sum * doubled.Length) - ((long)n * total));
        var sums = Enumerable.Range(0, total + 1).ToArray();
        return Math.Min(1, sums.Where(s => Distance(s) >= Distance(observed)).Sum(s => ways[n, s]) / sums.Sum(s => ways[n, s]));
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

/// <summary>How far one group of values lies above another: the median of all pairs' differences, with the 95 % interval that
/// Mann-Whitney's test leaves (Hollander &amp; Wolfe, §4.2-4.3).</summary>
public static class HodgesLehmann
{
    /// <summary>Second minus first; the interval is null where no rank is far enough out, as for 3 values against 3.</summary>
    public static Estimate Shift(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        double[] differences = [.. first.SelectMany(a => second.Select(b => b - a)).Order()];
        var middle = Quantile.Value(differences, 0.5);
        var rank = Rank(first.Count, second.Count);
        return rank < 1 ? new(middle, null, null, differences.Length)
            : new(middle, differences[rank - 1], differences[^rank], differences.Length);
    }

    /// <summary>Largest c with P(U &lt; c) ≤ 2.5 %.</summary>
    internal static int Rank(int m, int n)
    {
        if (m + n > MannWhitney.LargestExact)
            return (int)Math.Floor((m * (double)n / 2) - (1.959964 * Math.Sqrt(m * (double)n * (m + n + 1) / 12)));
        // ways[j, u]: divisions of the values seen so far with j in the second group and U = u.
        var ways = new double[n + 1, (m * n) + 1];
        ways[0, 0] = 1;
        for (var seen = 0; seen < m + n; seen++)
        {
            for (var j = Math.Min(n, seen + 1); j >= 1; j--)
            {
                var below = seen - (j - 1); // of the first group, if this value joins the second
                for (var u = m * n; below <= m && u >= below; u--) ways[j, u] += ways[j - 1, u - below];
            }
        }

        double all = Enumerable.Range(0, (m * n) + 1).Sum(u => ways[n, u]), sum = 0;
        return Enumerable.Range(0, (m * n) + 1).First(c => (sum += ways[n, c]) > 0.025 * all);
    }
}

/// <summary>Holm's step-down correction: with p-values adjusted so, the chance of even one false finding among all comparisons stays below
/// the level.</summary>
public static class Holm
{
    /// <returns>Adjusted p-values, in the order given.</returns>
    public static double[] Adjust(IReadOnlyList<double> p)
    {
        var adjusted = new double[p.Count];
        var highest = 0.0;
        foreach (var (rank, i) in Enumerable.Range(0, p.Count).OrderBy(i => p[i]).Index())
            adjusted[i] = highest = Math.Min(1, Math.Max(highest, (p.Count - rank) * p[i]));
        return adjusted;
    }
}
