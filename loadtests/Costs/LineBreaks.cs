using System.Numerics;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Costs;

/// <summary>
/// Which places a straight line does not hold at: the fewest whose removal leaves a line that all others are on. Among equally few, those at the upper end (a line that holds
/// up to some k), then those that leave the smallest residuals. Three places at least are left.
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
        (int Count, bool Inner, double Residual, int[] Out)? best = null;
        foreach (var mask in Masks(n).Where(m => n - BitOperations.PopCount(m) >= 3 || m == 0).OrderBy(BitOperations.PopCount))
        {
            var count = BitOperations.PopCount(mask);
            if (best is { } found && found.Count < count) break;
            int[] kept = [.. Enumerable.Range(0, n).Where(i => (mask >> i & 1) == 0)], removed = [.. Enumerable.Range(0, n).Where(i => (mask >> i & 1) == 1)];
            var line = LeastSquares.Line([.. kept.Select(i => x[i])], [.. kept.Select(i => y[i])], [.. kept.Select(i => 1 / (y[i] * y[i]))]);
            double Deviation(int i) => Math.Abs((y[i] / (line.Coefficients[0] + (line.Coefficients[1] * x[i]))) - 1);
            if (kept.Any(i => !(Deviation(i) <= allowed[i])) || removed.Any(i => Deviation(i) <= allowed[i])) continue;
            var candidate = (count, count > 0 && removed[0] != n - count, double.IsNaN(line.Variance) ? 0 : line.Variance, removed);
            if (best is null || (candidate.Item2, candidate.Item3).CompareTo((best.Value.Inner, best.Value.Residual)) < 0) best = candidate;
        }

        return best?.Out;
    }

    private static IEnumerable<ulong> Masks(int n)
    {
        if (n <= Most) return Enumerable.Range(0, 1 << n).Select(m => (ulong)m);
        var ends = Enumerable.Range(0, n - 2).SelectMany(low => Enumerable.Range(0, n - 2 - low).Select(high => ((1UL << low) - 1) | (((1UL << high) - 1) << (n - high))));
        return ends.Distinct();
    }
}
