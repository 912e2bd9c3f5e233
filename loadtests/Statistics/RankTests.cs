namespace Btx.LoadTests.Statistics;

/// <summary>Mann-Whitney U, two-sided, exact with midranks.</summary>
/// <param name="U">Pairs in which the second group's value is the larger one, ties one half.</param>
public readonly record struct MannWhitney(double U, double P)
{
    public static MannWhitney Test(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        if (first.Count == 0 || second.Count == 0) throw new ArgumentException("a group without values");
        int m = first.Count, n = second.Count;
        // Twice the midranks: whole numbers.
        double[] pooled = [.. first, .. second];
        int[] doubled = [.. pooled.Select(v => pooled.Count(o => o < v) + pooled.Count(o => o <= v) + 1)];
        long sum = doubled[m..].Sum();
        var u = (sum / 2.0) - (n * (n + 1) / 2.0);
        var (ways, total) = (Divisions(doubled, n), doubled.Sum());
        // Distances from the mean, times the number of values: whole numbers.
        long Distance(long of) => Math.Abs((of * doubled.Length) - ((long)n * total));
        return new(u, Math.Min(1, ways.Where((_, s) => Distance(s) >= Distance(sum)).Sum() / ways.Sum()));
    }

    /// <summary>Divisions of the pooled ranks with <paramref name="n"/> in the second group, by the sum of its ranks.</summary>
    internal static double[] Divisions(int[] ranks, int n)
    {
        var total = ranks.Sum();
        var ways = new double[n + 1, total + 1];
        ways[0, 0] = 1;
        foreach (var rank in ranks)
            for (var size = n; size >= 1; size--)
                for (var s = total; s >= rank; s--) ways[size, s] += ways[size - 1, s - rank];
        return [.. Enumerable.Range(0, total + 1).Select(s => ways[n, s])];
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
