using Btx.Cli;
using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Costs;

/// <summary>a + b·k of a forest (<c>top_k</c>, and <c>ensemble</c> as k = all) and A + k·F of a BTX
/// model, at each load with each build.</summary>
public static class LineFitting
{
    public static IReadOnlyList<CostLine> Fit(IReadOnlyList<MeasuredSettings> measured, IReadOnlyList<NoiseFigure> noise, double tolerance,
        ICollection<string> notes)
    {
        var lines = new List<CostLine>();
        foreach (var form in new[] { CostLine.Forest, CostLine.Mixture })
            foreach (var group in measured.Where(m => FormOf(m) == form && m.K is not null).GroupBy(m => Wording.Where(m.Settings)))
                foreach (var metric in new[] { CostMetric.DecodeStep, CostMetric.InterToken })
                {
                    MeasuredSettings[] places = [.. group.Where(m => m.Middle(metric) is { Value: > 0 }).OrderBy(m => m.K)];
                    var distinct = places.Select(p => p.K).Distinct().Count();
                    if (distinct >= 3) lines.Add(Fit(form, group.Key, places, metric, noise.Relative(metric.Name), tolerance));
                    else if (distinct > 0 && metric == CostMetric.InterToken && places[0].Settings.Rate is null)
                        notes.Add($"{form} at {group.Key}: {distinct} value{(distinct == 1 ? "" : "s")} of k, a line needs three");
                }

        return lines;
    }

    internal static string? FormOf(MeasuredSettings measured) => measured.Settings.Mode switch
    {
        "top_k" or "ensemble" => CostLine.Forest,
        "moe" => CostLine.Mixture,
        _ => null,
    };

    private static CostLine Fit(string form, string where, MeasuredSettings[] places, CostMetric metric, double noise, double tolerance)
    {
        double[] x = [.. places.Select(p => (double)p.K!.Value)], y = [.. places.Select(p => p.Middle(metric)!.Value)];
        double[] allowed = [.. places.Select(p => Math.Max(tolerance, 2 * noise / Math.Sqrt(p.Values(metric).Length)))];
        var all = Line(places, metric);
        var broken = LineBreaks.Find(x, y, allowed);
        (LeastSquares Fit, LineFigures Figures)? held = broken is { Count: > 0 }
            ? Line([.. places.Where((_, i) => !broken.Contains(i))], metric) : null;
        var trusted = (held ?? all).Figures;
        var points = places.Select((p, i) =>
        {
            var deviation = (y[i] / trusted.At(x[i])) - 1;
            return new CostLinePoint(p.Name, x[i], p.Middle(metric)!, all.Fit.At(1, x[i]), deviation,
                broken?.Contains(i) ?? Math.Abs(deviation) > allowed[i]);
        }).ToArray();
        return new CostLine
        {
            Form = form,
            Quantity = metric.Name,
            Where = where,
            Concurrency = places[0].Settings.Concurrency,
            Rate = places[0].Settings.Rate,
            Precision = places[0].Settings.Precision,
            Options = places[0].Settings.Options,
            Fit = all.Figures,
            Held = held?.Figures,
            Points = points,
            Breaks = [.. Sentences(points, trusted, broken, noise)],
        };
    }

    private static (LeastSquares Fit, LineFigures Figures) Line(MeasuredSettings[] places, CostMetric metric)
    {
        var values = places.SelectMany(p =>
            p.Values(metric).Select(v => (X: (double)p.K!.Value, Y: v, Weight: 1 / Math.Pow(p.Middle(metric)!.Value, 2)))).ToArray();
        double[] x = [.. values.Select(v => v.X)], y = [.. values.Select(v => v.Y)], weights = [.. values.Select(v => v.Weight)];
        var fit = LeastSquares.Line(x, y, weights);
        return (fit,
            new LineFigures(fit.Coefficient(0), fit.Coefficient(1), fit.R2, LackOfFit.Test(fit, x, y, weights)?.P, x.Min(), x.Max()));
    }

    private static IEnumerable<string> Sentences(CostLinePoint[] points, LineFigures line, IReadOnlyList<int>? broken, double noise)
    {
        var others = Wording.List(points.Where(p => !p.Breaks).Select(p => $"{p.K}").Distinct());
        if (broken is null) yield return "no straight line holds for three values of k; the deviations are from the line through all";
        foreach (var p in points.Where(p => p.Breaks))
        {
            var from = broken is null ? "the line through all" : $"the line through k = {others}";
            yield return $"k = {p.K} takes {Wording.More(1 + p.Deviation)} than {from} says: {Quantity.Seconds(p.Seconds.Value)} against "
                + $"{Quantity.Seconds(line.At(p.K))} (noise {Quantity.Percent(noise)})";
        }

        if (line.Intercept.High < 0)
            yield return $"the constant is below zero ({Quantity.Seconds(line.Intercept.Value)}): the first experts cost less than later "
                + $"ones, so the line says nothing below k = {line.From}";
        if (line.Slope.Low <= 0 && line.Slope.High >= 0)
            yield return "the slope cannot be told from zero: k makes no difference that shows beside the noise";
        else if (line.Slope.Value < 0)
            yield return "the slope is below zero: more experts take less time, so something else than experts is measured here";
    }
}
