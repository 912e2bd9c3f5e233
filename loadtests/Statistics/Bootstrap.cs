using Btx.LoadTests.Records;

namespace Btx.LoadTests.Statistics;

/// <summary>Intervals of any figure by resampling with replacement (Efron's percentile form);
/// the same seed gives the same interval.</summary>
public static class Bootstrap
{
    /// <param name="values">Independent of each other: requests or repeats, not the gaps within a request.</param>
    public static Estimate Of<T>(IReadOnlyList<T> values, Func<IReadOnlyList<T>, double> figure, int seed, int resamples = 2000)
    {
        var value = figure(values);
        if (values.Count < 2) return new Estimate(value, null, null, values.Count);
        var random = new Random(seed);
        var drawn = new T[values.Count];
        var figures = new double[resamples];
        for (var r = 0; r < resamples; r++)
        {
            for (var i = 0; i < drawn.Length; i++) drawn[i] = values[random.Next(values.Count)];
            figures[r] = figure(drawn);
        }

        Array.Sort(figures);
        return new Estimate(value, Quantile.Value(figures, 0.025), Quantile.Value(figures, 0.975), values.Count);
    }
}
