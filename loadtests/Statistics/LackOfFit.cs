using MathNet.Numerics;

namespace Btx.LoadTests.Statistics;

/// <summary>Is a model's misfit larger than the scatter of repeated measurements at the same place? (F test of
/// lack of fit, Draper &amp; Smith §1.5)</summary>
/// <param name="F">Mean square of the misfit over that of the repeats.</param>
/// <param name="P">Chance of such a ratio if the model is right.</param>
public readonly record struct LackOfFit(double F, double P)
{
    /// <summary>Null where no place has repeats or no place is left over for the model to miss.</summary>
    /// <param name="weights">Those of the fit.</param>
    /// <param name="places">Key of each value's place, in the order of the fit's values; equal keys are repeats.</param>
    public static LackOfFit? Test<T>(LeastSquares fit, IReadOnlyList<T> places, IReadOnlyList<double> y,
        IReadOnlyList<double>? weights = null) where T : notnull
    {
        double repeats = 0, misfit = 0;
        int distinct = 0, n = y.Count;
        foreach (var place in Enumerable.Range(0, n).GroupBy(i => places[i]))
        {
            distinct++;
            var mean = place.Average(i => y[i]);
            foreach (var i in place)
            {
                var weight = weights?[i] ?? 1;
                repeats += weight * (y[i] - mean) * (y[i] - mean);
                misfit += weight * (mean - fit.Fitted[i]) * (mean - fit.Fitted[i]);
            }
        }

        int above = distinct - fit.Coefficients.Count, below = n - distinct;
        if (above < 1 || below < 1 || repeats <= 0) return null;
        var f = misfit / above / (repeats / below);
        return new(f, SpecialFunctions.BetaRegularized(below / 2.0, above / 2.0, below / (below + (above * f))));
    }
}
