using Btx.Cli.Charts;

namespace Btx.LoadTests.Report;

/// <summary>What quality costs, what an expert costs, and what a batch touches together.</summary>
internal static class CostSections
{
    private const int MostLines = 6;

    public static Section Frontier(ReportModel model)
    {
        var frontiers = (model.Analysis?.Frontiers ?? []).Where(f => f.Points.Count > 0).ToArray();
        var alone = frontiers.Where(f => f.Points.Count == 1).ToArray();
        return new("frontier", "What quality costs")
        {
            Findings = frontiers.Length == 0 ? [] :
            [
                "A point on the frontier is beaten by none: nothing that was measured costs less and is as good. Quality is bits per byte "
                    + "on held-out text, the mean over the domains; less is better.",
                .. alone.Length == 0 ? [] : (string[])["Without a picture, because one point alone was measured there: "
                    + $"{string.Join(", ", alone.Select(f => $"{f.Where} ({f.Points[0].Name})"))}."],
            ],
            Figures = [.. frontiers.Except(alone).Select((f, i) => Draw(model, f, i))],
            Missing = model.Lacks(frontiers.Length > 0, model.Quality is null ? model.Absent(RunDirectory.Quality)
                : "No measured point has both a cost and a quality: the modes, k and precisions of quality.json are others than those of "
                    + "points.jsonl."),
        };
    }

    private static Figure Draw(ReportModel model, Frontier frontier, int index)
    {
        string Label(FrontierPoint p) => model.Labels.Model(p.Mode, p.K, p.Precision, p.Options);
        var within = model.Analysis!.Recommendations
            .FirstOrDefault(r => r.Kind == Recommendation.WithinEnsemble && r.Where == frontier.Where)?.WithinPercent;
        var full = frontier.Points.Where(p => p.Mode == "ensemble").Select(p => (double?)p.BitsPerByte).Min();
        var unit = $"{Amount.Title(frontier.Cost)} (ms)";
        var best = frontier.Points.Where(p => p.OnFrontier).OrderBy(p => p.Cost.Value).ToArray();
        // From one point of the frontier to the next, level until it costs as much as that.
        var steps = best.SelectMany((p, i) => new[] { new Datum(p.Cost.Value * 1e3, best[Math.Max(0, i - 1)].BitsPerByte),
            new Datum(p.Cost.Value * 1e3, p.BitsPerByte, Label: Label(p)) });
        var points = frontier.Points.GroupBy(p => p.Mode).OrderBy(g => Modes.Rank(g.Key)).Select(g => new Series(g.Key,
            [.. g.Select(p => new Datum(p.Cost.Value * 1e3, p.BitsPerByte, Left: p.Cost.Low * 1e3, Right: p.Cost.High * 1e3,
                Label: p.OnFrontier ? null : Label(p)))], Modes.Style(g.Key))
        { Joined = false });
        var panel = new Panel(new Axis("bits per byte, mean over the domains"),
            [new Series("frontier", [.. steps.Skip(1)], new SeriesStyle(7, 0, 1)) { Marked = false }, .. points])
        {
            Height = 340,
            Levels = full is { } bits && within is { } percent
                ? [new(bits * (1 + (percent / 100)), $"{Amount.Of(percent)} % above the full ensemble")] : [],
        };
        var chart = new Chart($"frontier-{index + 1}", $"Cost and quality at {frontier.Where}", new Axis(unit), [panel])
        { Caption = "Left and low is good. Markers: medians; bars: twice the noise. Points above the dashed steps are beaten." };
        return Figure.Of(chart, new(["", unit, "bits per byte", "perplexity", "on the frontier", "costs alike"],
            [.. frontier.Points.Select(p => (string[])[Label(p), Amount.Of(p.Cost, 1e3), Amount.Of(p.BitsPerByte), Amount.Of(p.Perplexity),
                p.OnFrontier ? "yes" : "", string.Join(", ", p.CostsAlike)])]));
    }

    public static Section Lines(ReportModel model)
    {
        var lines = model.Analysis?.Lines ?? [];
        return new("cost", "The cost of an expert")
        {
            Findings = [.. lines.GroupBy(l => l.Form).SelectMany(g => g.GroupBy(l => l.Quantity).First()).Select(Finding)],
            Tables =
            [
                new(["", "at", "intercept (ms)", "an expert (ms)", "R²", "misfit, p", "fitted to k",
                    "through the points that do not break it"],
                    [.. lines.Select(l => (string[])[$"{l.Form}: {Amount.Title(l.Quantity)}", l.Where, .. Figures(l.Fit), l.Held is { } held
                        ? $"k = {Values(l, false)}: {Amount.Of(held.Intercept, 1e3)}; {Amount.Of(held.Slope, 1e3)}; R² "
                            + $"{Math.Round(held.R2, 4)}"
                        : ""])]),
                new(["where a line breaks", "at", ""],
                    [.. lines.SelectMany(l => l.Breaks.Select(b => (string[])[$"{l.Form}: {Amount.Title(l.Quantity)}", l.Where, b]))]),
            ],
            Figures = [.. lines.GroupBy(l => (l.Form, l.Quantity)).SelectMany(g => g.Chunk(MostLines)).Select(Draw)],
            Missing = model.Lacks(lines.Count > 0, "No line was fitted: that needs three or more k of one mode at one load. `btx loadtest "
                + "sweep --modes top_k --k 1,2,3,4 …` measures them."),
        };
    }

    private static string[] Figures(LineFigures f) => [Amount.Of(f.Intercept, 1e3), Amount.Of(f.Slope, 1e3), $"{Math.Round(f.R2, 4)}",
        Amount.Of(f.MisfitP), $"{Amount.Of(f.From)} to {Amount.Of(f.To)}"];

    private static string Finding(CostLine line)
    {
        var (a, b) = line.Form == CostLine.Mixture ? ("A", "F") : ("a", "b");
        var best = line.Best();
        var end = line.Held is not null
            ? $", through k = {Values(line, breaks: false)}, without k = {Values(line, breaks: true)}, which it does not hold for" : "";
        return $"{line.Form}, {Amount.Title(line.Quantity)}, {line.Where}: {a} = {Milliseconds(best.Intercept)}, {b} = "
            + $"{Milliseconds(best.Slope)} an expert, R² = {Math.Round(best.R2, 4)}{end}{(line.Breaks.Count == 0 ? "; it holds." : ".")}";
    }

    /// <summary>The values of k at which the line breaks, or holds; a k of two modes with the mode's name.</summary>
    private static string Values(CostLine line, bool breaks) => string.Join(", ", line.Points.Where(p => p.Breaks == breaks)
        .Select(p => Amount.Of(p.K) + (line.Points.Count(o => o.K == p.K) > 1 ? $" ({p.Name.Split('-')[0]})" : "")));

    private static string Milliseconds(Estimate e) =>
        $"{Amount.Of(e.Value * 1e3)} ms{Amount.Of(e, 1e3)[Amount.Of(e.Value * 1e3).Length..]}";

    private static Figure Draw(CostLine[] lines, int index)
    {
        var (form, quantity) = (lines[0].Form, Amount.Title(lines[0].Quantity));
        var chart = new Chart($"cost-{index + 1}", $"{form}: {quantity}", new Axis("experts a token, k") { Whole = true, FromZero = true },
            [new Panel(new Axis($"{quantity} (ms)") { FromZero = true }, [.. lines.SelectMany(Series)]) { Height = 320 }])
        { Caption = $"Markers: median, least and most. Lines: the fit ({form}), dotted beyond it; bands: 95 %. Hollow: it breaks." };
        return Figure.Of(chart, new(["", "k", "measured (ms)", "the line (ms)", "deviation from it", "breaks",
            "line through all points (ms)"],
            [.. lines.SelectMany(l => l.Points.Select(p => (string[])[l.Where, Amount.Of(p.K), Amount.Of(p.Seconds, 1e3),
                Amount.Of(l.Best().At(p.K) * 1e3), Cli.Quantity.Percent(p.Deviation), p.Breaks ? "yes" : "", Amount.Of(p.Fitted, 1e3)]))]));

        static IEnumerable<Series> Series(CostLine line, int at)
        {
            var (style, best, held) = (SeriesStyle.Of(at), line.Best(), line.Held is not null);
            Datum[] Measured(bool breaks) => [.. line.Points.Where(p => p.Breaks == breaks).Select(p => Amount.At(p.K, p.Seconds, 1e3))];
            Datum At(double k) => new(k, best.At(k) * 1e3);
            Series Line(string what, SeriesStyle look, params Datum[] points) =>
                new($"{line.Where}: {what}", points, look) { Marked = false, Listed = false };
            yield return new Series(line.Where, Measured(false), style) { Joined = false };
            yield return new Series($"{line.Where}: breaks", Measured(true), style with { Hollow = true })
            { Joined = false, Listed = line.Points.Any(p => p.Breaks) };
            yield return Line("interval", style with { Dash = held ? 1 : 0 }, [.. line.Points.Select(p => Amount.At(p.K, p.Fitted, 1e3))]);
            if (held) yield return Line("fit", style, At(best.From), At(best.To));
            yield return Line("beyond", style with { Dash = 2 }, At(0), At(best.From));
            if (held) yield return Line("beyond", style with { Dash = 2 }, At(best.To), At(line.Points[^1].K));
        }
    }

    public static Section Unions(ReportModel model)
    {
        var unions = (model.Analysis?.Unions ?? []).Where(u => u.Points.Count > 0).ToArray();
        return new("union", "What a batch touches together")
        {
            Findings = unions.Length == 0 ? [] :
            [
                "A step reads the weights of every expert that any of its tokens runs on. If tokens chose independently and evenly, a "
                    + "batch of B would touch E·(1 - (1 - k/E)^B) of E experts; tokens of the same text choose alike, so that real "
                        + "batches touch fewer.",
                .. unions.Where(u => u.PerExpert is not null).Select(u => $"{u.Form}, {u.Where}: a step takes {Amount.Of(u.Step, 1e3)} ms, "
                    + $"{Amount.Of(u.PerExpert, 1e3)} ms for each distinct expert"
                    + (u.PerRow is { } row ? $" and {Amount.Of(row, 1e3)} ms for each row on an expert" : "")
                    + (u.R2 is { } r2 ? $"; R² = {Math.Round(r2, 4)}." : ".")),
            ],
            Tables = [new(["where the formula or the fit breaks", "at", ""],
                [.. unions.SelectMany(u => u.Breaks.Select(b => (string[])[u.Form, u.Where, b]))])],
            Figures = [.. unions.SelectMany(Draw)],
            Missing = model.Lacks(unions.Length > 0,
                "No point has the server's count of distinct experts: that needs its /metrics and steps that only decode."),
        };
    }

    private static IEnumerable<Figure> Draw(UnionFit union, int index)
    {
        var groups = union.Points.GroupBy(p => (p.K, p.Experts)).OrderBy(g => g.Key).ToArray();
        var most = Math.Max(2, union.Points.Max(p => p.Batch));
        var what = union.Form == CostLine.Mixture ? "of the BTX model, a layer" : "of the forest";
        var measured = groups.Select((g, i) => new Series($"k = {g.Key.K} of {g.Key.Experts}, measured",
            [.. g.OrderBy(p => p.Batch).Select(p => Amount.At(p.Batch, p.Distinct))], SeriesStyle.Of(i))
        { Joined = false });
        var formula = groups.Select((g, i) => new Series($"k = {g.Key.K} of {g.Key.Experts}, formula",
            [.. Enumerable.Range(0, 41).Select(n => 1 + ((most - 1) * n * n / 1600))
                .Select(batch => new Datum(batch, UnionFitting.Formula(g.Key.Experts, g.Key.K, batch)))], SeriesStyle.Of(i))
        { Marked = false, Listed = false });
        yield return Figure.Of(
            new Chart($"union-{index + 1}", $"Distinct experts {what}: {union.Where}", new Axis("tokens a decode step (mean)"),
                [new Panel(new Axis("distinct experts a step") { FromZero = true }, [.. measured, .. formula]) { Height = 300 }])
            { Caption = "Markers: measured; median, least and most. Lines: E·(1 - (1 - k/E)^B), tokens that choose independently." },
            new(["", "tokens a step", "k", "experts", "distinct", "formula", "formula holds"],
                [.. union.Points.Select(p => (string[])[p.Name, Amount.Of(p.Batch), $"{p.K}", $"{p.Experts}", Amount.Of(p.Distinct),
                    Amount.Of(p.Formula), p.FormulaHolds ? "yes" : "no"])]));
        var steps = groups.Select((g, i) => new Series($"k = {g.Key.K}, measured",
            [.. g.Select(p => Amount.At(p.Distinct.Value, p.Seconds, 1e3) with { Left = p.Distinct.Low, Right = p.Distinct.High })],
            SeriesStyle.Of(i))
        { Joined = false });
        var fitted = groups.Where(_ => union.PerExpert is not null).Select((g, i) => new Series($"k = {g.Key.K}, fitted",
            [.. g.Select(p => new Datum(p.Distinct.Value, p.Fitted!.Value * 1e3))], SeriesStyle.Of(i) with { Hollow = true })
        { Joined = false });
        yield return Figure.Of(
            new Chart($"union-cost-{index + 1}", $"Step time against distinct experts {what}: {union.Where}",
                new Axis("distinct experts a step"),
                [new Panel(new Axis($"{Amount.Title(union.Quantity)} (ms)") { FromZero = true }, [.. steps, .. fitted]) { Height = 280 }])
            { Caption = "Filled: measured; median, least and most. Hollow: what the fit says for the same point." },
            new(["", "distinct", "measured (ms)", "fitted (ms)"], [.. union.Points.Select(p => (string[])[p.Name, Amount.Of(p.Distinct),
                Amount.Of(p.Seconds, 1e3), Amount.Of(p.Fitted * 1e3)])]));
    }
}
