using Btx.Cli.Charts;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report.Sections;

/// <summary>Throughput and latency against the experts that a token runs on.</summary>
public static class RoutingSection
{
    private static readonly (string Title, double Scale, Func<LoadSummary, Estimate?> Of)[] Middles =
    [
        ("throughput (tokens/s)", 1, s => Throughput(s)),
        ("time to first token, p50 (ms)", 1e3, s => s.TimeToFirstToken?.P50),
        ("time between tokens, mean (ms)", 1e3, s => s.InterToken is { } gap ? new Estimate(gap.Mean, null, null, 1) : null),
    ];

    private static readonly (string Title, double Scale, Func<LoadSummary, Estimate?> Of)[] Tails =
    [
        ("time to first token, p99 (ms)", 1e3, s => s.TimeToFirstToken?.P99),
        ("time between tokens, p99 (ms)", 1e3, s => s.InterToken?.P99),
        ("end to end, p99 (ms)", 1e3, s => s.EndToEnd?.P99),
    ];

    public static Section Of(ReportModel model)
    {
        var all = model.Measurements.Where(m => m.Settings.K is not null).ToArray();
        var drawn = all.Where(m => m.Requests > m.Failed).ToArray();
        var groups = drawn.GroupBy(m => (m.Settings.Load, Server: model.Labels.Server(m.Settings))).ToArray();
        var lines = groups.Where(g => g.Select(m => m.Settings.K).Distinct().Count() > 1).ToArray();
        return new("routing", "Throughput and latency against k")
        {
            Findings = lines.Length == 0 ? [] : [
                "k is the number of experts that a token runs on: `ensemble` stands at all of them, `average` and `expert` at 1. `top_p` "
                    + "has no fixed k and peers have none; they are in the table of all points."],
            Figures = [.. lines.SelectMany((
                g, i) => (Figure[])[Draw(model, [.. g], $"throughput-k-{i + 1}", "Throughput and latency against k", g.Key.Server, Middles),
                Draw(model, [.. g], $"tails-k-{i + 1}", "The slowest of a hundred, against k", g.Key.Server, Tails)])],
            Missing = model.Points.Count == 0 ? [Absent.Points(model)]
                : lines.Length > 0 ? [] : all.Length > drawn.Length && drawn.Length == 0 ? [Absent.Failures]
                : ["Fewer than two k were measured at one load: `btx loadtest sweep --modes top_k,moe --k 1,2,4 …` measures some."],
        };
    }

    private static Figure Draw(ReportModel model, Measurement[] points, string name, string title, string server,
        (string Title, double Scale, Func<LoadSummary, Estimate?> Of)[] quantities)
    {
        var loads = points.Select(m => PointLabels.Load(m.Settings)).Distinct().ToArray();
        var series = points.GroupBy(m => (m.Settings.Mode, Load: PointLabels.Load(m.Settings))).ToArray();
        Series Line(IGrouping<(string Mode, string Load), Measurement> g, double scale, Func<LoadSummary, Estimate?> of) => new(
            loads.Length > 1 ? $"{g.Key.Mode}, {g.Key.Load}" : g.Key.Mode,
            [.. g.Select(m => (m.Settings.K, Value: m.Of(of))).Where(p => p.Value is not null)
                .Select(p => new Datum(p.K!.Value, p.Value!.Value * scale, p.Value.Low * scale, p.Value.High * scale))],
            Modes.Style(g.Key.Mode, Array.IndexOf(loads, g.Key.Load)));
        var chart = new Chart(name, server.Length > 0 ? $"{title}: {server}" : title, new Axis("experts a token, k") { Whole = true },
            [.. quantities.Select(q =>
                new Panel(new Axis(q.Title) { FromZero = true }, [.. series.Select(g => Line(g, q.Scale, q.Of))]) { Height = 180 })])
        {
            Caption = $"{(loads.Length == 1 ? $"{loads[0]}. " : "")}Markers: median of the repeats; bands and bars: the least and the "
                + "most of them; of a point that was measured once, its 95 % interval.",
        };
        return Figure.Of(chart, new ReportTable(["", "k", .. quantities.Select(q => q.Title)],
            [.. points.Select(m => (string[])[model.Labels.Full(m.Settings), Amount.Of(m.Settings.K),
                .. quantities.Select(q => Amount.Of(m.Of(q.Of), q.Scale))])]));
    }

    private static Estimate? Throughput(LoadSummary summary) => new(summary.TokensPerSecond, null, null, 1);
}
