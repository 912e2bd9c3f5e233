using Btx.Cli.Charts;
using Btx.Cli;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report.Sections;

/// <summary>Load until more of it brings waiting instead of throughput.</summary>
public static class SaturationSection
{
    private const int MostPictures = 8;

    public static Section Of(ReportModel model)
    {
        var curves = model.Analysis?.Curves ?? [];
        var own = curves.Where(c => c.Points.Count > 2).OrderBy(c => c.Knee is null).ThenBy(c => c.Load == "open" ? 0 : 1).ToArray();
        return new("saturation", "Load to saturation")
        {
            Findings = [.. curves.GroupBy(c => c.Finding).OrderBy(g => g.All(c => c.Knee is null)).Select(
                g => $"{string.Join("; ", g.Select(c => $"{Name(model, c)}, {(c.Load == "open" ? "open loop" : "closed loop")}"))}: "
                    + $"{Amount.Sentence(g.Key)}")],
            Figures = [.. Together(model, curves), .. own.Take(MostPictures).Select((c, i) => Draw(model, c, i))],
            Missing =
            [
                .. curves.Count > 0 ? [] : model.Points.Count == 0 ? (string[])[Absent.Points(model)] : [
                    "No model was measured at two or more loads: `btx loadtest sweep --rate 1,2,4,8 "
                        + "…` or `--concurrency 1,2,4,8 …` does it."],
                .. own.Length > MostPictures
                    ? (string[])[$"Of {own.Length} curves of three loads or more, {MostPictures} have a picture of their own, those with "
                        + "a knee first; the figures of all are in the table of all points."]
                    : [],
            ],
        };
    }

    private static string Name(ReportModel model, LoadCurve curve) =>
        model.Labels.Model(curve.Mode, curve.K, curve.Precision, curve.Options);

    private static string LoadTitle(string load) => load == "open" ? "load (requests/s that fell due)" : "load (requests in flight)";

    private static Axis LoadAxis(IEnumerable<LoadCurve> curves)
    {
        double[] loads = [.. curves.SelectMany(c => c.Points.Select(p => p.Load)).Where(double.IsFinite).Distinct().Order()];
        var open = curves.First().Load == "open";
        return new(LoadTitle(curves.First().Load))
        {
            Logarithmic = !open && loads.Length > 1 && loads[0] > 0 && loads[^1] / loads[0] >= 8,
            Ticks = open || loads.Length is < 2 or > 10 ? null : loads
        };
    }

    private static Figure Draw(ReportModel model, LoadCurve curve, int index)
    {
        var style = Modes.Style(curve.Mode);
        Series Line(string name, Func<LoadCurvePoint, Estimate?> of, double scale, SeriesStyle look) =>
            new(name, [.. curve.Points.Select(p => (p.Load, Value: of(p))).Where(p => p.Value is not null)
            .Select(p => new Datum(p.Load, p.Value!.Value * scale, p.Value.Low * scale, p.Value.High * scale))], look);
        var latencies = new[]
        {
            Line("end to end, p99", p => p.EndToEndP99, 1e3, new(1, 1)),
                Line("end to end, p50", p => p.EndToEndP50, 1e3, new(1, 1, 1, true)),
            Line("first token, p99", p => p.TimeToFirstTokenP99, 1e3, new(2, 2)), Line("first token, p50", p => p.TimeToFirstTokenP50, 1e3,
                new(2, 2, 1, true)), Line("between tokens, p50", p => p.InterTokenP50, 1e3, new(5, 3)),
        };
        Datum[] offered = [.. curve.Points.Select(p => new Datum(p.Load, p.Load))];
        var axis = LoadAxis([curve]);
        var chart = new Chart($"load-{index + 1}", $"Load to saturation: {Name(model, curve)}", axis,
        [
            new Panel(new Axis("served (requests/s)") { FromZero = true },
                [Line("served", p => p.RequestsPerSecond, 1, new(0, 0)), .. curve.Load == "open"
                    ? (Series[])[new("as much as was offered", offered, new(7, 0, 2)) { Marked = false }] : []]) { Height = 200 },
            new Panel(new Axis("latency (ms)") { Logarithmic = true }, [.. latencies.Where(l => l.Points.Count > 0)]) { Height = 240 },
        ])
        {
            Caption = $"{Amount.Sentence(curve.Finding)} Markers: median of the repeats; bands: the least and the most of them.",
            Marks = curve.Knee is { } knee ? [new(
                knee.Load, $"knee: {Amount.Of(knee.Load)} {(curve.Load == "open" ? "requests/s" : "in flight")} (between "
                    + $"{Amount.Of(knee.Low)} and {Amount.Of(knee.High)})")]
                : [],
        };
        return Figure.Of(chart, new ReportTable([LoadTitle(curve.Load), "served (requests/s)", "tokens/s", "first token p50 (ms)",
            "first token p99 (ms)", "between tokens p50 (ms)", "end to end p50 (ms)", "end to end p99 (ms)", "failed", "saturated"],
            [.. curve.Points.Select(p => (string[])[Amount.Of(p.Load), Amount.Of(p.RequestsPerSecond), Amount.Of(p.TokensPerSecond),
                Amount.Of(p.TimeToFirstTokenP50, 1e3), Amount.Of(p.TimeToFirstTokenP99, 1e3), Amount.Of(p.InterTokenP50, 1e3),
                Amount.Of(p.EndToEndP50, 1e3), Amount.Of(p.EndToEndP99, 1e3), Quantity.Percent(p.Failed), p.Saturated ? "yes" : ""])]));
    }

    /// <summary>All models of one kind of load in one picture.</summary>
    private static IEnumerable<Figure> Together(ReportModel model, IReadOnlyList<LoadCurve> curves) =>
        curves.GroupBy(c => c.Load).Where(g => g.Count() > 1).Select((g, i) => Figure.Of(
            new Chart($"loads-{i + 1}", g.Key == "open" ? "Throughput against offered load" : "Throughput against requests in flight",
                LoadAxis(g),
            [
                new Panel(new Axis("throughput (tokens/s)") { FromZero = true },
                    [.. g.Select((c, at) => new Series(Name(model, c), [.. c.Points.Select(p => new Datum(p.Load, p.TokensPerSecond.Value,
                        p.TokensPerSecond.Low, p.TokensPerSecond.High))], SeriesStyle.Of(at)))]) { Height = 300 },
            ])
            { Caption = "Markers: median of the repeats; bands: the least and the most of them." },
            new ReportTable(["", LoadTitle(g.Key), "tokens/s"], [
                .. g.SelectMany(c => c.Points.Select(p => (string[])[Name(model, c), Amount.Of(p.Load), Amount.Of(p.TokensPerSecond)]))])));
}
