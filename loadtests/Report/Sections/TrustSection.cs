using Btx.Cli;
using Btx.LoadTests.Ceilings;
using Btx.Cli.Charts;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Report.Sections;

/// <summary>How far the figures can be trusted: the machine's noise, the generator's ceiling, the server's own count.</summary>
public static class TrustSection
{
    public static Section Of(ReportModel model)
    {
        var reference = model.Points.Where(p => p.Reference && p.Summary.TokensPerSecond > 0).OrderBy(p => p.Started).ToArray();
        var noise = model.Analysis?.Noise ?? [];
        return new("trust", "How far to trust it")
        {
            Findings = [.. Noise(model) is { } said ? (string[])[said] : [], .. Ceiling(model), .. Agreement(model)],
            Figures = reference.Length < 2 ? [] : [Drift(reference)],
            Tables = noise.Count == 0 ? []
                : [new ReportTable(["figure", "standard deviation between measurements", "degrees of freedom", "from"], [.. noise.Select(
                n => (string[])[Quantities.Title(n.Metric), Quantity.Percent(n.RelativeDeviation), $"{n.DegreesOfFreedom}", n.Source])])],
            Missing =
            [
                .. reference.Length >= 2 ? [] : (string[])[
                    "The machine's noise is not known: no reference point was measured twice. `btx loadtest sweep` repeats one."],
                .. model.Ceilings.Count > 0 ? [] : (string[])[Absent.Ceiling(model)],
            ],
        };
    }

    /// <summary>The machine's noise in a sentence; null if it is not known.</summary>
    public static string? Noise(ReportModel model) => (model.Analysis?.Noise ?? []).Figure("tokens_per_second") is not { } n ? null
        : $"Noise: the same settings measured again differ by {Quantity.Percent(n.RelativeDeviation)} (standard deviation of tokens a "
            + $"second, from {(n.Source == "reference" ? "the reference point over the whole run" : "the repeats")}).";

    private static IEnumerable<string> Ceiling(ReportModel model)
    {
        foreach (var ceiling in model.Ceilings)
        {
            var most = model.Points.Where(p => !Modes.IsPeer(p.Settings.Mode)).Select(p => p.Summary.TokensPerSecond).Where(double.IsFinite)
                .DefaultIfEmpty(0).Max();
            var share = ceiling.TokensPerSecond > 0 ? most / ceiling.TokensPerSecond : double.PositiveInfinity;
            yield return $"The generator's own ceiling ({ceiling.Door}, {ceiling.Concurrency} in flight) is "
                + $"{Amount.Of(ceiling.TokensPerSecond)} tokens/s and {Amount.Of(ceiling.RequestsPerSecond)} requests/s; "
                + $"the fastest point made {Amount.Of(most)} tokens/s, {Quantity.Percent(share)} of it. "
                    + $"{(share > CeilingRun.SafeShare ? "That is close: the fastest points may show the generator rather than the server." : "The generator was not the bottleneck.")}";
        }
    }

    private static IEnumerable<string> Agreement(ReportModel model)
    {
        double[] ratios = [.. model.Points.Where(p => p.Server is { CompletionTokens: > 0 } && p.Summary.CompletionTokens > 0)
            .Select(p => p.Summary.CompletionTokens / p.Server!.CompletionTokens)];
        if (ratios.Length == 0) yield break;
        var farthest = ratios.MaxBy(r => Math.Abs(r - 1));
        yield return "Completion tokens as the clients counted them over the server's own count: median "
            + $"{Amount.Of(Median.Value(ratios))}, farthest from 1 {Amount.Of(farthest)} ({Quantity.Count(ratios.Length, "point")}). The "
                + "server also counts what was in flight at the edges of a point.";
    }

    private static Figure Drift(Records.PointResult[] reference)
    {
        var median = Median.Value(reference.Select(p => p.Summary.TokensPerSecond));
        var chart = new Chart("noise", $"The reference point again and again: {reference[0].Settings.Name}",
            new Axis("time since its first measurement (minutes)"),
        [
            new Panel(new Axis("tokens/s, from the median (%)"), [new Series("reference point", [.. reference.Select(p => new Datum(
                (p.Started - reference[0].Started).TotalMinutes, 100 * ((p.Summary.TokensPerSecond / median) - 1)))], SeriesStyle.Of(0))])
            {
                Height = 200, Levels = [new(0, $"median: {Amount.Of(median)} tokens/s")],
            },
        ])
        {
            Caption =
        "Nothing but the machine differs between these measurements: differences of other points that are no larger mean nothing."
        };
        return Figure.Of(chart, new ReportTable(["started", "tokens/s", "from the median"], [.. reference.Select(p => (string[])[
            Amount.Time(p.Started), Amount.Of(p.Summary.TokensPerSecond), Quantity.Percent((p.Summary.TokensPerSecond / median) - 1)])]));
    }
}
