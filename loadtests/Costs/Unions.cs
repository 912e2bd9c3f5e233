namespace Btx.LoadTests.Costs;

/// <summary>A step's seconds explained by the weights that it reads and the rows that it computes: a + b·distinct + c·rows.</summary>
/// <param name="Step">Seconds a step that depend on neither; null like the others if there are too few points.</param>
/// <param name="PerExpert">Seconds for each distinct expert: reading its weights.</param>
/// <param name="PerRow">Seconds for each token on each of its experts; null if rows and distinct experts cannot be told apart.</param>
public sealed record UnionFit(string Form, string Where, string Precision, IReadOnlyDictionary<string, string> Options, string Quantity,
    Estimate? Step, Estimate? PerExpert, Estimate? PerRow, double? R2, IReadOnlyList<UnionPoint> Points, IReadOnlyList<string> Breaks);

/// <param name="Distinct">Measured: mean distinct experts a decode step.</param>
/// <param name="Formula">The same by <see cref="UnionFitting.Formula"/>.</param>
public sealed record UnionPoint(string Name, double Batch, int K, int Experts, Estimate Distinct, double Formula, Estimate Seconds,
    double? Fitted, bool FormulaHolds);

/// <summary>What a step's time owes to distinct experts. Closed loops only: in open ones the batch varies too much for its mean.</summary>
public static class UnionFitting
{
    /// <summary>E·(1 - (1 - k/E)^batch): expected distinct experts if every token chooses k of E independently and evenly.</summary>
    public static double Formula(int experts, double k, double batch) => experts * (1 - Math.Pow(Math.Max(0, 1 - (k / experts)), batch));

    public static IReadOnlyList<UnionFit> Fit(IReadOnlyList<MeasuredSettings> measured, IReadOnlyList<NoiseFigure> noise) =>
    [
        .. measured.Where(m => m.Settings.Rate is null && LineFitting.FormOf(m) is not null && m is { K: not null, Distinct: not null,
                Experts: not null } && m.Middle(CostMetric.DecodeStep) is not null)
            .GroupBy(m => (Form: LineFitting.FormOf(m)!, Build: Wording.Build(m.Settings))).OrderBy(g => g.Key.Form == CostLine.Mixture)
            .Select(g => Fit(g.Key.Form, g.Key.Build, [.. g], noise.Relative(CostMetric.DecodeStep.Name))),
    ];

    private static UnionFit Fit(string form, string where, MeasuredSettings[] places, double noise)
    {
        var values = places.SelectMany(p => p.Repeats.Select(r => (Place: p, Seconds: CostMetric.DecodeStep.Of(r),
                Distinct: MeasuredSettings.DistinctOf(r), Rows: r.Server?.MeanBatch * p.K)))
            .Where(v => v.Seconds is not null && v.Distinct is not null).ToArray();
        double[] seconds = [.. values.Select(v => v.Seconds!.Value)],
            weights = [.. values.Select(v => Math.Pow(v.Place.Middle(CostMetric.DecodeStep)!.Value, -2))];
        double[][] rows = [.. values.Select(v => new[] { 1, v.Distinct!.Value, v.Rows!.Value })];
        // Rows and distinct experts that rise together cannot be told apart.
        var correlation = MathNet.Numerics.Statistics.Correlation.Pearson(rows.Select(r => r[1]), rows.Select(r => r[2]));
        var fit = places.Length >= 5 && correlation * correlation < 0.95 ? LeastSquares.Try(rows, seconds, weights) : null;
        var columns = fit is null ? 2 : 3;
        fit ??= places.Length >= 3 ? LeastSquares.Try([.. rows.Select(r => r[..2])], seconds, weights) : null;
        var points = places.Select(p =>
        {
            var (batch, distinct) = (p.Middle(r => r.Server?.MeanBatch)!.Value, p.Distinct!);
            var formula = Formula(p.Experts!.Value, p.K!.Value, batch);
            double[] row = [1, distinct.Value, batch * p.K!.Value];
            return new UnionPoint(p.Name, batch, p.K!.Value, p.Experts!.Value, distinct, formula, p.Middle(CostMetric.DecodeStep)!,
                fit?.At(row[..columns]).Value, Math.Abs((distinct.Value / formula) - 1) <= CostModel.Tolerance);
        }).OrderBy(p => p.Batch).ThenBy(p => p.K).ToArray();
        return new(form, where, places[0].Settings.Precision, places[0].Settings.Options, CostMetric.DecodeStep.Name, fit?.Coefficient(0),
            fit?.Coefficient(1), columns == 3 ? fit!.Coefficient(2) : null, fit?.R2, points,
            [.. Sentences(form, points, fit, noise)]);
    }

    private static IEnumerable<string> Sentences(string form, UnionPoint[] points, LeastSquares? fit, double noise)
    {
        var off = points.Where(p => !p.FormulaHolds).ToArray();
        if (off.MaxBy(p => Math.Abs(Math.Log(p.Distinct.Value / p.Formula))) is { } worst)
            yield return $"the formula of distinct experts is off at {off.Length} of {points.Length} points, most at {worst.Name} (batch "
                + $"{Quantity.Figures(worst.Batch)}): {Quantity.Figures(worst.Distinct.Value)} measured, "
                + $"{Quantity.Figures(worst.Formula)} by the formula ({Wording.More(worst.Distinct.Value / worst.Formula)})"
                + (worst.Distinct.Value >= worst.Formula ? "; the mean batch hides larger ones, or requests were spread over domains evenly"
                    : "; it takes every choice for independent and even: " + (form == CostLine.Forest
                        ? "a request keeps its experts, and requests of one domain choose the same ones"
                        : "the router favours some experts, and neighbouring requests are alike"));
        if (fit is null)
        {
            yield return points.Length < 3 ? $"{points.Length} point{(points.Length == 1 ? "" : "s")}: too few for a fit"
                : "all points touch as many experts: nothing to fit";
            yield break;
        }

        if (fit.Coefficients.Count == 2)
            yield return points.Length < 5 ? "fewer than five points: rows are not told apart from distinct experts"
                : "rows and distinct experts rise together: their costs are not told apart";
        foreach (var p in points.Where(p => Math.Abs((p.Seconds.Value / p.Fitted!.Value) - 1)
            > Math.Max(CostModel.Tolerance, 2 * noise / Math.Sqrt(p.Seconds.Count))))
            yield return $"{p.Name} takes {Wording.More(p.Seconds.Value / p.Fitted!.Value)} than the fit says: "
                + $"{Quantity.Seconds(p.Seconds.Value)} against {Quantity.Seconds(p.Fitted.Value)} (noise {Quantity.Percent(noise)})";
        string[] names = ["a step", "a distinct expert", "a row"];
        for (var i = 0; i < fit.Coefficients.Count; i++)
            if (fit.Coefficient(i).High < 0)
                yield return $"the cost of {names[i]} comes out below zero: the model is not of this shape here";
    }
}
