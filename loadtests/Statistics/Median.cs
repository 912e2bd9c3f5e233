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

/// <summary>Holm's step-down correction: with p-values adjusted so, the chance of even one false finding among
/// all comparisons stays below the level.</summary>
public static class Holm
{
    /// <returns>Adjusted p-values, in the order given.</returns>
    public static double[] Adjust(IReadOnlyList<double> p)
    {
        var order = Enumerable.Range(0, p.Count).OrderBy(i => p[i]).ToArray();
        var adjusted = new double[p.Count];
        var highest = 0.0;
        for (var i = 0; i < order.Length; i++) adjusted[order[i]] = highest = Math.Min(1, Math.Max(highest, (p.Count - i) * p[order[i]]));
        return adjusted;
    }
}
