using MathNet.Numerics.Distributions;

namespace Btx.LoadTests.Statistics;

/// <summary>Quantiles with 95 % confidence intervals that assume no distribution: between the two order statistics whose binomial
/// probabilities leave at most 2.5 % on each side (David &amp; Nagaraja, Order Statistics, §7.1): a median from 6 values on, p90 from
/// 36, p99 from 368.</summary>
public static class Quantile
{
    private const double Tail = 0.025;

    /// <summary>Interpolated between the two nearest of the ordered values (Hyndman &amp; Fan's form 7).</summary>
    /// <param name="ordered">Ascending, at least one.</param>
    public static double Value(double[] ordered, double p) => ordered.Length == 0 ? throw new ArgumentException("no values")
        : SortedArrayStatistics.QuantileCustom(ordered, p, QuantileDefinition.R7);

    /// <summary>Of values that are independent: a figure a request.</summary>
    public static Estimate OfOrdered(double[] ordered, double p) => WithRanks(ordered, p, ordered.Length);

    /// <summary>Of values that are alike within a group, as the gaps between a request's tokens: the interval is that of as many
    /// independent values as vary as much (Woodruff 1952: the share below the quantile is a ratio estimate over the groups).</summary>
    public static Estimate OfGroups(IReadOnlyCollection<float[]> groups, double p)
    {
        double[] ordered = [.. groups.SelectMany(g => g).Select(v => (double)v).Order()];
        var value = Value(ordered, p);
        double n = ordered.Length, filled = groups.Count(g => g.Length > 0), below = Array.FindLastIndex(ordered, v => v <= value) + 1,
            share = below / n, square = groups.Sum(g => Math.Pow(g.Count(v => v <= value) - (share * g.Length), 2));
        if (filled < 2) return new Estimate(value, null, null, ordered.Length);
        var independent = share * (1 - share) / n;
        var design = independent > 0 ? Math.Max(1, square * filled / (filled - 1) / (n * n) / independent) : 1;
        return WithRanks(ordered, p, Math.Max(1, (int)(n / design)));
    }

    /// <summary>Ranks from 1 of the interval's ends among n ordered values; null if there are too few.</summary>
    public static (int Low, int High)? Ranks(int n, double p)
    {
        // Low: the largest l with P(B < l) <= 2.5 %. High: the smallest u with P(B >= u) <= 2.5 %.
        var low = First(n, k => Binomial.CDF(p, n, k) > Tail);
        var high = First(n, k => 1 - Binomial.CDF(p, n, k) <= Tail) + 1;
        return low < 1 || high > n ? null : (low, high);

        static int First(int n, Predicate<int> holds)
        {
            int from = 0, to = n;
            while (from < to)
            {
                var middle = (from + to) / 2;
                if (holds(middle)) to = middle;
                else from = middle + 1;
            }

            return from;
        }
    }

    private static Estimate WithRanks(double[] ordered, double p, int effective)
    {
        var value = Value(ordered, p);
        if (Ranks(effective, p) is not var (low, high)) return new Estimate(value, null, null, ordered.Length);
        var scale = ordered.Length / (double)effective;
        double first = ordered[Math.Max(0, (int)Math.Floor(low * scale) - 1)],
            last = ordered[Math.Min(ordered.Length, (int)Math.Ceiling(high * scale)) - 1];
        return new Estimate(value, Math.Min(first, value), Math.Max(last, value), ordered.Length);
    }
}
