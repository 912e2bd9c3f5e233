using Btx.Cli;
using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Costs;

/// <summary>Distinct experts that a batch touches, beside the formula, and what a step's time owes to them. Closed loops only: in open ones
/// the batch varies too much for its mean.</summary>
public static class UnionFitting
{
    /// <summary>E·(1 - (1 - k/E)^batch): the expected number of distinct experts if every token of the batch
    /// chooses k of E independently and evenly.</summary>
    public static double Formula(int experts, double k, double batch) => experts * (1 - Math.Pow(Math.Max(0, 1 - (k / experts)), batch));

    public static IReadOnlyList<UnionFit> Fit(IReadOnlyList<MeasuredSettings> measured, IReadOnlyList<NoiseFigure> noise,
        double tolerance) =>
    [
        .. new[] { CostLine.Forest, CostLine.Mixture }.SelectMany(form => measured
            .Where(m => m.Settings.Rate is null && LineFitting.FormOf(m) == form && m.K is not null
            && m.Middle(CostMetric.DecodeStep) is not null && Distinct(m, form) is not null && Experts(m, form) is not null)
            .GroupBy(m => Wording.Build(m.Settings))
            .Select(group => Fit(form, group.Key, [.. group], noise.Relative(CostMetric.DecodeStep.Name), tolerance))),
    ];

    private static Estimate? Distinct(MeasuredSettings m, string form) =>
        m.Middle(p => form == CostLine.Forest ? p.Server?.DistinctExperts : p.Server?.DistinctMixtureExperts);

    private static int? Experts(MeasuredSettings m, string form) =>
        (form == CostLine.Forest ? m.Repeats[0].Experts : m.Repeats[0].MixtureExperts) is { } n and > 0 ? n : null;

    private static UnionFit Fit(string form, string where, MeasuredSettings[] places, double noise, double tolerance)
    {
        var values = places.SelectMany(p => p.Repeats.Select(r => (Point: r, Place: p, Seconds: CostMetric.DecodeStep.Of(r),
            Distinct: form == CostLine.Forest ? r.Server?.DistinctExperts : r.Server?.DistinctMixtureExperts)))
            .Where(v => v.Seconds is not null && v.Distinct is not null).ToArray();
        double[] seconds = [.. values.Select(v => v.Seconds!.Value)],
            weights = [.. values.Select(v => 1 / Math.Pow(v.Place.Middle(CostMetric.DecodeStep)!.Value, 2))];
        double[][] rows = [.. values.Select(v => new[] { 1, v.Distinct!.Value, v.Point.Server!.MeanBatch * v.Place.K!.Value })];
        var fit = places.Length >= 5 && Apart(rows) ? Try(rows, seconds, weights) : null;
        var perRow = fit is not null;
        fit ??= places.Length >= 3 ? Try([.. rows.Select(r => r[..2])], seconds, weights) : null;

        var points = places.Select(p =>
        {
            var batch = p.Middle(r => r.Server?.MeanBatch)!.Value;
            var distinct = Distinct(p, form)!;
            var formula = Formula(Experts(p, form)!.Value, p.K!.Value, batch);
            double[] row = [1, distinct.Value, batch * p.K!.Value];
            return new UnionPoint(p.Name, batch, p.K!.Value, Experts(p, form)!.Value, distinct, formula, p.Middle(CostMetric.DecodeStep)!,
                fit?.At(perRow ? row : row[..2]).Value, Math.Abs((distinct.Value / formula) - 1) <= tolerance);
        }).OrderBy(p => p.Batch).ThenBy(p => p.K).ToArray();
        return new UnionFit
        {
            Form = form,
            Where = where,
            Precision = places[0].Settings.Precision,
            Options = places[0].Settings.Options,
            Quantity = CostMetric.DecodeStep.Name,
            Step = fit?.Coefficient(0),
            PerExpert = fit?.Coefficient(1),
            PerRow = perRow ? fit!.Coefficient(2) : null,
            R2 = fit?.R2,
            Points = points,
            Breaks = [.. Sentences(form, points, fit, perRow, noise, tolerance)],
        };
    }

    // Rows and distinct experts that rise together cannot be told apart.
    private static bool Apart(double[][] rows)
    {
        double meanX = rows.Average(r => r[1]), meanY = rows.Average(r => r[2]);
        double cross = rows.Sum(r => (r[1] - meanX) * (r[2] - meanY)), x = rows.Sum(r => (r[1] - meanX) * (r[1] - meanX)),
            y = rows.Sum(r => (r[2] - meanY) * (r[2] - meanY));
        return x > 0 && y > 0 && cross * cross / (x * y) < 0.95;
    }

    private static LeastSquares? Try(double[][] rows, double[] y, double[] weights)
    {
        try
        {
            return LeastSquares.Fit(rows, y, weights);
        }
        catch (ArgumentException)
        {
            return null; // every point touches as many experts
        }
    }

    private static IEnumerable<string> Sentences(string form, UnionPoint[] points, LeastSquares? fit, bool perRow, double noise,
        double tolerance)
    {
        var off = points.Where(p => !p.FormulaHolds).ToArray();
        if (off.Length > 0)
        {
            var worst = off.MaxBy(p => Math.Abs(Math.Log(p.Distinct.Value / p.Formula)))!;
            var why = form == CostLine.Forest ? "a request keeps its experts, and requests of one domain choose the same ones"
                : "the router favours some experts, and neighbouring requests are alike";
            var fewer = worst.Distinct.Value < worst.Formula;
            yield return $"the formula of distinct experts is off at {off.Length} of {points.Length} points, most at {worst.Name} (batch "
                + $"{Quantity.Figures(worst.Batch)}): {Quantity.Figures(worst.Distinct.Value)} measured, "
                + $"{Quantity.Figures(worst.Formula)} by the formula ({Wording.More(worst.Distinct.Value / worst.Formula)})"
                + (fewer ? $"; it takes every choice for independent and even: {why}"
                : "; the mean batch hides larger ones, or requests were spread over domains evenly");
        }

        if (fit is null)
        {
            yield return points.Length < 3 ? $"{points.Length} point{(points.Length == 1 ? "" : "s")}: too few for a fit"
                : "all points touch as many experts: nothing to fit";
            yield break;
        }

        if (!perRow)
            yield return points.Length < 5 ? "fewer than five points: rows are not told apart from distinct experts"
                : "rows and distinct experts rise together: their costs are not told apart";
        foreach (var p in points.Where(p =>
            Math.Abs((p.Seconds.Value / p.Fitted!.Value) - 1) > Math.Max(tolerance, 2 * noise / Math.Sqrt(p.Seconds.Count))))
            yield return $"{p.Name} takes {Wording.More(p.Seconds.Value / p.Fitted!.Value)} than the fit says: "
                + $"{Quantity.Seconds(p.Seconds.Value)} against {Quantity.Seconds(p.Fitted.Value)} (noise {Quantity.Percent(noise)})";
        string[] names = ["a step", "a distinct expert", "a row"];
        for (var i = 0; i < fit.Coefficients.Count; i++)
            if (fit.Coefficient(i).High < 0)
                yield return $"the cost of {names[i]} comes out below zero: the model is not of this shape here";
    }
}
