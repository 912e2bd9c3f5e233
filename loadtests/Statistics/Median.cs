using Btx.LoadTests.Records;

namespace Btx.LoadTests.Statistics;

/// <summary>The middle of repeats.</summary>
public static class Median
{
    /// <exception cref="ArgumentException">No values.</exception>
    public static double Value(IEnumerable<double> values)
    {
        double[] ordered = [.. values];
        Array.Sort(ordered);
        return Quantile.Value(ordered, 0.5);
    }

    /// <summary>With its 95 % interval, which six values are needed for.</summary>
    public static Estimate Of(IEnumerable<double> values) => Quantile.Of(values, 0.5);

    /// <summary>Robust spread: 1.4826 × the median distance from the median, the standard
    /// deviation of normal values. 0 for one value.</summary>
    public static double Spread(IReadOnlyCollection<double> values)
    {
        var middle = Value(values);
        return 1.4826 * Value(values.Select(v => Math.Abs(v - middle)));
    }
}
