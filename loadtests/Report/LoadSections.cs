using Btx.Cli.Charts;

namespace Btx.LoadTests.Report;

/// <summary>Throughput and latency: against k, against load, while the forest changes, beside other programs.</summary>
internal static class LoadSections
{
    private const int MostCurves = 4, MostChanges = 2;

    private static readonly (string Title, double Scale, Func<LoadSummary, Estimate?> Of)[] Middles =
    [
        ("throughput (tokens/s)", 1, s => new(s.TokensPerSecond, null, null, 1)),
        ("time to first token, p50 (ms)", 1e3, s => s.TimeToFirstToken?.P50),
        ("time between tokens, mean (ms)", 1e3, s => s.InterToken is { } gap ? new(gap.Mean, null, null, 1) : null),
    ], Tails =
    [
        ("time to first token, p99 (ms)", 1e3, s => s.TimeToFirstToken?.P99),
        ("time between tokens, p99 (ms)", 1e3, s => s.InterToken?.P99),
        ("end to end, p99 (ms)", 1e3, s => s.EndToEnd?.P99),
    ];

    private static readonly (string Name, Func<LoadCurvePoint, Estimate?> Of, SeriesStyle Style)[] Latencies =
    [
        ("first token, p50", p => p.TimeToFirstTokenP50, new(2, 2, 1, true)), ("first token, p99", p => p.TimeToFirstTokenP99, new(2, 2)),
        ("between tokens, p50", p => p.InterTokenP50, new(5, 3)), ("end to end, p50", p => p.EndToEndP50, new(1, 1, 1, true)),
        ("end to end, p99", p => p.EndToEndP99, new(1, 1)),
    ];

    public static Section Routing(ReportModel model)
    {
        var all = model.Measurements.Where(m => m.Settings.K is not null).ToArray();
        var drawn = all.Where(m => m.Requests > m.Failed).ToArray();
        var lines = drawn.GroupBy(m => (m.Settings.Load, Server: model.Labels.Server(m.Settings)))
            .Where(g => g.Select(m => m.Settings.K).Distinct().Count() > 1).ToArray();
        return new("routing", "Throughput and latency against k")
        {
            Findings = lines.Length == 0 ? [] : ["k is the number of experts that a token runs on: `ensemble` stands at all of them, "
                + "`average` and `expert` at 1. `top_p` has no fixed k and peers have none; they are in the table of all points."],
            Figures = [.. lines.SelectMany((g, i) => new[]
            {
                Draw(model, [.. g], $"throughput-k-{i + 1}", "Throughput and latency against k", g.Key.Server, Middles),
                Draw(model, [.. g], $"tails-k-{i + 1}", "The slowest of a hundred, against k", g.Key.Server, Tails),
            })],
            Missing = model.Lacks(lines.Length > 0, all.Length > 0 && drawn.Length == 0 ? ReportModel.NoSuccess
                : "Fewer than two k were measured at one load: `btx loadtest sweep --modes top_k,moe --k 1,2,4 …` measures some."),
        };
    }

    private static Figure Draw(ReportModel model, MeasuredSettings[] points, string name, string title, string server,
        (string Title, double Scale, Func<LoadSummary, Estimate?> Of)[] quantities)
    {
        var loads = points.Select(m => PointLabels.Load(m.Settings)).Distinct().ToArray();
        var series = points.GroupBy(m => (m.Settings.Mode, Load: PointLabels.Load(m.Settings))).ToArray();
        var panels = quantities.Select(q => new Panel(new Axis(q.Title) { FromZero = true }, [.. series.Select(g => new Series(
            loads.Length > 1 ? $"{g.Key.Mode}, {g.Key.Load}" : g.Key.Mode,
            [.. g.Select(m => (m.Settings.K, Value: m.Of(q.Of))).Where(p => p.Value is not null)
                .Select(p => Amount.At(p.K!.Value, p.Value!, q.Scale))], Modes.Style(g.Key.Mode, Array.IndexOf(loads, g.Key.Load))))])
        { Height = 180 });
        var chart = new Chart(name, server.Length > 0 ? $"{title}: {server}" : title, new Axis("experts a token, k") { Whole = true },
            [.. panels])
        { Caption = $"{(loads.Length == 1 ? $"{loads[0]}. " : "")}Markers: median; bands: least and most, or 95 % of a single one." };
        return Figure.Of(chart, new(["", "k", .. quantities.Select(q => q.Title)], [.. points.Select(m => (string[])
            [model.Labels.Full(m.Settings), Amount.Of(m.Settings.K), .. quantities.Select(q => Amount.Of(m.Of(q.Of), q.Scale))])]));
    }

    public static Section Saturation(ReportModel model)
    {
        var curves = model.Analysis?.Curves ?? [];
        var own = curves.Where(c => c.Points.Count > 2).OrderBy(c => c.Knee is null).ThenBy(c => c.Load == "open" ? 0 : 1).ToArray();
        var together = curves.GroupBy(c => c.Load).Where(g => g.Count() > 1).Select((g, i) => Together(model, [.. g], i));
        return new("saturation", "Load to saturation")
        {
            Findings = [.. curves.GroupBy(c => c.Finding).OrderBy(g => g.All(c => c.Knee is null)).Select(g =>
                $"{string.Join("; ", g.Select(c => $"{Name(model, c)}, {c.Load} loop"))}: {Amount.Sentence(g.Key)}")],
            Figures = [.. together, .. own.Take(MostCurves).Select((c, i) => Draw(model, c, i))],
            Missing = own.Length <= MostCurves ? model.Lacks(curves.Count > 0, "No model was measured at two or more loads: `btx loadtest "
                    + "sweep --rate 1,2,4,8 …` or `--concurrency 1,2,4,8 …` does it.")
                : [$"Of {own.Length} curves of three loads or more, {MostCurves} have a picture of their own, those with a knee first; the "
                    + "figures of all are in the table of all points."],
        };
    }

    private static string Name(ReportModel model, LoadCurve curve) =>
        model.Labels.Model(curve.Mode, curve.K, curve.Precision, curve.Options);

    private static Axis LoadAxis(params LoadCurve[] curves)
    {
        double[] loads = [.. curves.SelectMany(c => c.Points.Select(p => p.Load)).Where(double.IsFinite).Distinct().Order()];
        return curves[0].Load == "open" ? new("load (requests/s that fell due)") : new("load (requests in flight)")
        {
            Logarithmic = loads.Length > 1 && loads[0] > 0 && loads[^1] / loads[0] >= 8,
            Ticks = loads.Length is < 2 or > 10 ? null : loads,
        };
    }

    private static Figure Draw(ReportModel model, LoadCurve curve, int index)
    {
        Series Line(string name, Func<LoadCurvePoint, Estimate?> of, double scale, SeriesStyle look) =>
            new(name, [.. curve.Points.Where(p => of(p) is not null).Select(p => Amount.At(p.Load, of(p)!, scale))], look);
        var latencies = Latencies.Select(l => Line(l.Name, l.Of, 1e3, l.Style));
        Series[] served = [Line("served", p => p.RequestsPerSecond, 1, new(0, 0))];
        Datum[] offered = [.. curve.Points.Select(p => new Datum(p.Load, p.Load))];
        if (curve.Load == "open") served = [.. served, new("as much as was offered", offered, new(7, 0, 2)) { Marked = false }];
        var axis = LoadAxis(curve);
        var unit = curve.Load == "open" ? "requests/s" : "in flight";
        var chart = new Chart($"load-{index + 1}", $"Load to saturation: {Name(model, curve)}", axis,
        [
            new Panel(new Axis("served (requests/s)") { FromZero = true }, served) { Height = 200 },
            new Panel(new Axis("latency (ms)") { Logarithmic = true }, [.. latencies.Where(l => l.Points.Count > 0)]) { Height = 240 },
        ])
        {
            Caption = $"{Amount.Sentence(curve.Finding)} Markers: median of the repeats; bands: the least and the most of them.",
            Marks = curve.Knee is not { } knee ? []
                : [new(knee.Load, $"knee: {Amount.Of(knee.Load)} {unit} (between {Amount.Of(knee.Low)} and {Amount.Of(knee.High)})")],
        };
        return Figure.Of(chart, new([axis.Title, "served (requests/s)", "tokens/s",
            .. Latencies.Select(l => $"{l.Name.Replace(",", "")} (ms)"), "failed", "saturated"],
            [.. curve.Points.Select(p => (string[])[Amount.Of(p.Load), Amount.Of(p.RequestsPerSecond), Amount.Of(p.TokensPerSecond),
                .. Latencies.Select(l => Amount.Of(l.Of(p), 1e3)), Quantity.Percent(p.Failed), p.Saturated ? "yes" : ""])]));
    }

    /// <summary>All models of one kind of load in one picture.</summary>
    private static Figure Together(ReportModel model, LoadCurve[] curves, int index)
    {
        var axis = LoadAxis(curves);
        var title = curves[0].Load == "open" ? "Throughput against offered load" : "Throughput against requests in flight";
        var series = curves.Select((c, at) => new Series(Name(model, c), [.. c.Points.Select(p => Amount.At(p.Load, p.TokensPerSecond))],
            SeriesStyle.Of(at)));
        var chart = new Chart($"loads-{index + 1}", title, axis,
            [new Panel(new Axis("throughput (tokens/s)") { FromZero = true }, [.. series]) { Height = 300 }])
        { Caption = "Markers: median of the repeats; bands: the least and the most of them." };
        return Figure.Of(chart, new(["", axis.Title, "tokens/s"], [.. curves.SelectMany(c => c.Points.Select(p => (string[])
            [Name(model, c), Amount.Of(p.Load), Amount.Of(p.TokensPerSecond)]))]));
    }

    /// <summary>What requests feel while an expert is added and removed.</summary>
    public static Section Changes(ReportModel model)
    {
        var section = new Section("change", "Experts added and removed under load");
        if (model.Change is not { } timeline) return section with { Missing = [model.Absent(RunDirectory.Change)] };
        var slice = timeline.Windows.Count > 0 ? Amount.Of((timeline.Windows[0].To - timeline.Windows[0].From) * 1e3) : "";
        double[] usual = [.. timeline.Windows.Where(w => timeline.Changes.All(c => w.To <= c.Begin || w.From >= c.End))
            .Select(w => w.WorstGap).OfType<double>()];
        var quiet = usual.Length == 0 ? "." : $"; without a change the worst of a window of {slice} ms was "
            + $"{Amount.Of(usual.Median() * 1e3)} ms in the median, {Amount.Of(usual.Max() * 1e3)} ms at most.";
        Figure Close(ChangeTimeline.Change change, int index)
        {
            var room = Math.Max(2, change.End - change.Begin);
            return Draw($"change-{index + 1}", $"{change.Kind} {change.Id}, closer", slice,
                [.. timeline.Windows.Where(w => w.To > change.Begin - room && w.From < change.End + room)],
                [new(change.Begin, change.End, "")], [.. change.Phases.Select(p => new Mark(p.At, p.Name))]);
        }

        return section with
        {
            Findings =
            [
                $"Over a constant load of {Quantity.Count(timeline.Requests, "request")}, "
                    + $"{Quantity.Count(timeline.Changes.Count, "change")} of {timeline.Expert}: "
                    + $"{(timeline.Failed == 0 ? "no request" : Quantity.Count(timeline.Failed, "request"))} failed.",
                .. timeline.Changes.Select(c => Finding(timeline, c) + quiet),
            ],
            Figures = timeline.Windows.Count == 0 ? [] :
            [
                Draw("change", $"{timeline.Expert} added and removed under load", slice, timeline.Windows,
                    [.. timeline.Changes.Select(c => new Shade(c.Begin, c.End, $"{c.Kind} {c.Id}"))], []),
                .. timeline.Changes.Take(MostChanges).Select(Close),
            ],
            Missing = timeline.Windows.Count == 0 ? ["change.json holds no window of time: no token arrived."]
                : timeline.Changes.Count <= MostChanges ? []
                : [$"Of {timeline.Changes.Count} changes the first {MostChanges} have a closer picture."],
        };
    }

    private static string Finding(ChangeTimeline timeline, ChangeTimeline.Change change)
    {
        var worst = timeline.Windows.Where(w => w.To > change.Begin && w.From < change.End).Max(w => w.WorstGap);
        return $"{change.Kind} {change.Id}: the call took {Amount.Of((change.End - change.Begin) * 1e3)} ms"
            + (worst is { } gap ? $"; the worst gap between two tokens meanwhile was {Amount.Of(gap * 1e3)} ms"
                : "; no token arrived meanwhile");
    }

    private static Figure Draw(string name, string title, string slice, IReadOnlyList<ChangeTimeline.Window> windows, Shade[] shades,
        Mark[] marks)
    {
        var few = windows.Count <= 60;
        Series Line(string label, int style, Func<ChangeTimeline.Window, double?> of) =>
            new(label, [.. windows.Select(w => new Datum((w.From + w.To) / 2, of(w) ?? double.NaN))], SeriesStyle.Of(style))
            { Marked = few };
        var chart = new Chart(name, title, new Axis("time since the load began (s)"),
        [
            new Panel(new Axis("gap between two tokens (ms)") { Logarithmic = true },
            [
                Line("median", 0, w => w.MedianGap * 1e3), Line("99th of a hundred", 1, w => w.P99Gap * 1e3),
                Line("worst", 3, w => w.WorstGap * 1e3) with
                {
                    Style = SeriesStyle.Of(3) with { Hollow = true }, Marked = true, Joined = false,
                },
            ]),
            new Panel(new Axis("tokens/s") { FromZero = true }, [Line("tokens a second", 2, w => w.TokensPerSecond)]) { Height = 110 },
        ])
        {
            Caption = $"A marker is a window of {slice} ms. Shaded: from the call to its answer.",
            Shades = shades,
            Marks = marks,
        };
        return Figure.Of(chart, new(["from (s)", "to (s)", "median gap (ms)", "p99 gap (ms)", "worst gap (ms)", "tokens/s", "failed"],
            [.. windows.Select(w => (string[])[Amount.Of(w.From), Amount.Of(w.To), Amount.Of(w.MedianGap * 1e3), Amount.Of(w.P99Gap * 1e3),
                Amount.Of(w.WorstGap * 1e3), Amount.Of(w.TokensPerSecond), Quantity.Count(w.Failed)])]));
    }
}
