using System.Numerics;

namespace Btx.LoadTests.Costs;

/// <summary>Seconds against experts a token: a line through every repeat, weighted by 1/seconds² (the noise is relative).</summary>
/// <param name="Quantity">Name of the <see cref="CostMetric"/>: <c>decode_step</c> or <c>inter_token</c>.</param>
/// <param name="Held">Through the points at which the model holds; null if it breaks nowhere or everywhere.</param>
public sealed record CostLine(string Form, string Quantity, string Where, int? Concurrency, double? Rate, string Precision,
    IReadOnlyDictionary<string, string> Options, LineFigures Fit, LineFigures? Held, IReadOnlyList<CostLinePoint> Points,
    IReadOnlyList<string> Breaks)
{
    /// <summary>Experts of the forest, of the BTX model.</summary>
    public const string Forest = "a + b·k", Mixture = "A + k·F";

    /// <summary>The line to trust: without the points that break it.</summary>
    public LineFigures Best() => Held ?? Fit;
}

/// <param name="Fitted">By the line through all points, with the 95 % interval of the line.</param>
/// <param name="Deviation">Measured over what the trusted line says, less 1.</param>
public sealed record CostLinePoint(string Name, double K, Estimate Seconds, Estimate Fitted, double Deviation, bool Breaks);

/// <param name="Intercept">a: seconds that no expert takes.</param>
/// <param name="Slope">b: seconds for one expert more.</param>
/// <param name="MisfitP">Chance of such a misfit if the line were right; null without repeats or a third k.</param>
public sealed record LineFigures(Estimate Intercept, Estimate Slope, double R2, double? MisfitP, double From, double To)
{
    public double At(double x) => Intercept.Value + (Slope.Value * x);
}

/// <summary>The lines of a forest (<c>top_k</c>, and <c>ensemble</c> as k = all) and of a BTX model, at each load and build.</summary>
public static class LineFitting
{
    public static IReadOnlyList<CostLine> Fit(IReadOnlyList<MeasuredSettings> measured, IReadOnlyList<NoiseFigure> noise,
        ICollection<string> notes)
    {
        var lines = new List<CostLine>();
        foreach (var form in new[] { CostLine.Forest, CostLine.Mixture })
            foreach (var group in measured.Where(m => FormOf(m) == form && m.K is not null).GroupBy(m => Wording.Where(m.Settings)))
                foreach (var metric in new[] { CostMetric.DecodeStep, CostMetric.InterToken })
                {
                    MeasuredSettings[] places = [.. group.Where(m => m.Middle(metric) is { Value: > 0 }).OrderBy(m => m.K)];
                    var distinct = places.Select(p => p.K).Distinct().Count();
                    if (distinct >= 3) lines.Add(Fit(form, group.Key, places, metric, noise.Relative(metric.Name)));
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

    private static CostLine Fit(string form, string where, MeasuredSettings[] places, CostMetric metric, double noise)
    {
        double[] x = [.. places.Select(p => (double)p.K!.Value)], y = [.. places.Select(p => p.Middle(metric)!.Value)];
        double[] allowed = [.. places.Select(p => Math.Max(CostModel.Tolerance, 2 * noise / Math.Sqrt(p.Values(metric).Length)))];
        var (all, fit) = Line(places, metric);
        var broken = Broken(x, y, allowed);
        var held = broken is { Count: > 0 } ? Line([.. places.Where((_, i) => !broken.Contains(i))], metric).Figures : null;
        var trusted = held ?? fit;
        var points = places.Select((p, i) =>
        {
            var deviation = (y[i] / trusted.At(x[i])) - 1;
            return new CostLinePoint(p.Name, x[i], p.Middle(metric)!, all.At(1, x[i]), deviation,
                broken?.Contains(i) ?? Math.Abs(deviation) > allowed[i]);
        }).ToArray();
        var shared = places[0].Settings;
        return new CostLine(form, metric.Name, where, shared.Concurrency, shared.Rate, shared.Precision, shared.Options, fit, held, points,
            [.. Sentences(points, trusted, broken is null, noise)]);
    }

    private static (LeastSquares Fit, LineFigures Figures) Line(MeasuredSettings[] places, CostMetric metric)
    {
        var values = places.SelectMany(p => p.Values(metric).Select(v => (X: (double)p.K!.Value, Y: v, Middle: p.Middle(metric)!.Value)));
        double[] x = [.. values.Select(v => v.X)], y = [.. values.Select(v => v.Y)],
            weights = [.. values.Select(v => Math.Pow(v.Middle, -2))];
        var fit = LeastSquares.Line(x, y, weights);
        return (fit, new(fit.Coefficient(0), fit.Coefficient(1), fit.R2, LackOfFit.Test(fit, x, y, weights)?.P, x.Min(), x.Max()));
    }

    /// <summary>The fewest places whose removal leaves a line that all others, three at least, are on; a line that holds up to some k may
    /// lose one more. Among equals those that leave the smallest residuals; null if no such line holds.</summary>
    /// <param name="allowed">How far each place may lie from the line, as a share of it.</param>
    internal static IReadOnlyList<int>? Broken(double[] x, double[] y, double[] allowed)
    {
        var n = x.Length;
        (int Price, double Residual, int[] Out)? best = null;
        foreach (var mask in Masks(n).Where(m => n - BitOperations.PopCount(m) >= 3 || m == 0).OrderBy(m => Price(m, n)))
        {
            if (best is { } found && found.Price < Price(mask, n)) break;
            var parts = Enumerable.Range(0, n).ToLookup(i => (mask >> i & 1) == 1);
            int[] kept = [.. parts[false]];
            var line = LeastSquares.Line([.. kept.Select(i => x[i])], [.. kept.Select(i => y[i])],
                [.. kept.Select(i => 1 / (y[i] * y[i]))]);
            bool Holds(int i) => Math.Abs((y[i] / (line.Coefficients[0] + (line.Coefficients[1] * x[i]))) - 1) <= allowed[i];
            if (!kept.All(Holds) || parts[true].Any(Holds)) continue;
            var residual = double.IsNaN(line.Variance) ? 0 : line.Variance;
            if (best is null || residual < best.Value.Residual) best = (Price(mask, n), residual, [.. parts[true]]);
        }

        return best?.Out;
    }

    // A line that holds up to some k is what caches and cores make; others count one place and a half more.
    private static int Price(ulong removed, int n)
    {
        var count = BitOperations.PopCount(removed);
        return (2 * count) + (removed == ((1UL << count) - 1) << (n - count) ? 0 : 3);
    }

    // 2^16 subsets are tried at most; more places than that are looked at from the ends only.
    private static IEnumerable<ulong> Masks(int n) => n <= 16 ? Enumerable.Range(0, 1 << n).Select(m => (ulong)m)
        : Enumerable.Range(0, n - 2).SelectMany(low => Enumerable.Range(0, n - 2 - low)
            .Select(high => ((1UL << low) - 1) | (((1UL << high) - 1) << (n - high)))).Distinct();

    private static IEnumerable<string> Sentences(CostLinePoint[] points, LineFigures line, bool none, double noise)
    {
        if (none) yield return "no straight line holds for three values of k; the deviations are from the line through all";
        var from = none ? "the line through all"
            : $"the line through k = {Wording.List(points.Where(p => !p.Breaks).Select(p => $"{p.K}").Distinct())}";
        foreach (var p in points.Where(p => p.Breaks))
            yield return $"k = {p.K} takes {Wording.More(1 + p.Deviation)} than {from} says: {Quantity.Seconds(p.Seconds.Value)} against "
                + $"{Quantity.Seconds(line.At(p.K))} (noise {Quantity.Percent(noise)})";
        if (line.Intercept.High < 0)
            yield return $"the constant is below zero ({Quantity.Seconds(line.Intercept.Value)}): the first experts cost less than later "
                + $"ones, so the line says nothing below k = {line.From}";
        if (line.Slope.Low <= 0 && line.Slope.High >= 0)
            yield return "the slope cannot be told from zero: k makes no difference that shows beside the noise";
        else if (line.Slope.Value < 0)
            yield return "the slope is below zero: more experts take less time, so something else than experts is measured here";
    }
}
