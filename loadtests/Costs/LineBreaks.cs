using System.Numerics;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Costs;

/// <summary>
/// Which places a straight line does not hold at: the fewest whose removal leaves a line that all others are on, where those at
/// the upper end (a line that holds up to some k)
/// may be one more than others; among equals those that leave the smallest residuals. Three places at least are left.
/// </summary>
internal static class LineBreaks
{
    // 2^16 subsets are tried at most; more places than that are looked at from the ends only.
    private const int Most = 16;

    /// <param name="allowed">How far each place may lie from the line, as a share of it.</param>
    /// <returns>Places that break it, none if it holds; null if no line holds for three places or more.</returns>
    public static IReadOnlyList<int>? Find(IReadOnlyList<double> x, IReadOnlyList<double> y, IReadOnlyList<double> allowed)
    {
        var n = x.Count;
        (int Price, double Residual, int[] Out)? best = null;
        foreach (var mask in Masks(n).Where(m => n - BitOperations.PopCount(m) >= 3 || m == 0).OrderBy(m => Price(m, n)))
        {
            if (best is { } found && found.Price < Price(mask, n)) break;
            int[] kept = [.. Enumerable.Range(0, n).Where(i => (mask >> i & 1) == 0)],
                removed = [.. Enumerable.Range(0, n).Where(i => (mask >> i & 1) == 1)];
            var line = LeastSquares.Line([.. kept.Select(i => x[i])], [.. kept.Select(i => y[i])],
                [.. kept.Select(i => 1 / (y[i] * y[i]))]);
            double Deviation(int i) => Math.Abs((y[i] / (line.Coefficients[0] + (line.Coefficients[1] * x[i]))) - 1);
            if (kept.Any(i => !(Deviation(i) <= allowed[i])) || removed.Any(i => Deviation(i) <= allowed[i])) continue;
            var residual = double.IsNaN(line.Variance) ? 0 : line.Variance;
            if (best is null || residual < best.Value.Residual) best = (Price(mask, n), residual, removed);
        }

        return best?.Out;
    }

    // A line that holds up to some k is what caches and cores make; others count one place and a half more.
    private static int Price(ulong removed, int n)
    {
        var count = BitOperations.PopCount(removed);
        return (2 * count) + (removed >> (n - count) == (1UL << count) - 1 && (removed & ((1UL << (n - count)) - 1)) == 0 ? 0 : 3);
    }

    private static IEnumerable<ulong> Masks(int n)
    {
        if (n <= Most) return Enumerable.Range(0, 1 << n).Select(m => (ulong)m);
        var ends = Enumerable.Range(0, n - 2)
            .SelectMany(low => Enumerable.Range(0, n - 2 - low).Select(high => ((1UL << low) - 1) | (((1UL << high) - 1) << (n - high))));
        return ends.Distinct();
    }
}
