namespace Btx.LoadTests.Statistics;

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
