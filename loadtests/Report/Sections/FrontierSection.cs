using Btx.Cli.Charts;
using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Report.Sections;

/// <summary>Cost against quality, a picture for each load.</summary>
public static class FrontierSection
{
    public static Section Of(ReportModel model)
    {
        var frontiers = (model.Analysis?.Frontiers ?? []).Where(f => f.Points.Count > 0).ToArray();
        var drawn = frontiers.Where(f => f.Points.Count > 1).ToArray();
        return new("frontier", "What quality costs")
        {
            Findings = frontiers.Length == 0 ? [] : [
                "A point on the frontier is beaten by none: nothing that was measured costs less and is as good. Quality is bits per "
                    + "byte on held-out text, the mean over the domains; less is better.",
                .. Alone([.. frontiers.Except(drawn)])],
            Figures = [.. drawn.Select((f, i) => Draw(model, f, i))],
            Missing = Missing(model, frontiers),
        };
    }

    private static IEnumerable<string> Alone(Frontier[] frontiers) =>
        frontiers.Length == 0 ? []
        : ["Without a picture, because one point alone was measured there: "
            + $"{string.Join(", ", frontiers.Select(f => $"{f.Where} ({f.Points[0].Name})"))}."];

    private static Figure Draw(ReportModel model, Frontier frontier, int index)
    {
        var within = model.Analysis!.Recommendations.FirstOrDefault(r =>
            r.Kind == Recommendation.WithinEnsemble && r.Where == frontier.Where)?.WithinPercent;
        var full = frontier.Points.Where(p => p.Mode == "ensemble").Select(p => (double?)p.BitsPerByte).Min();
        var unit = frontier.Cost == CostMetric.SecondsPerToken.Name ? "server time a token (ms)"
            : $"{Quantities.Title(frontier.Cost)} (ms)";
        var best = frontier.Points.Where(p => p.OnFrontier).OrderBy(p => p.Cost.Value).ToArray();
        var chart = new Chart($"frontier-{index + 1}", $"Cost and quality at {frontier.Where}", new Axis(unit),
        [
            new Panel(new Axis("bits per byte, mean over the domains"),
            [
                new Series("frontier", [.. Steps(best, p => model.Labels.Model(p.Mode, p.K, p.Precision, p.Options))],
                    new SeriesStyle(7, 0, 1)) { Marked = false },
                .. frontier.Points.GroupBy(p => p.Mode).OrderBy(g => Modes.Rank(g.Key))
                    .Select(g => new Series(g.Key, [.. g.Select(p => new Datum(p.Cost.Value * 1e3, p.BitsPerByte,
                    Left: p.Cost.Low * 1e3, Right: p.Cost.High * 1e3,
                    Label: p.OnFrontier ? null : model.Labels.Model(p.Mode, p.K, p.Precision, p.Options)))], Modes.Style(g.Key)) { Joined = false }),
            ])
            {
                Height = 340,
                Levels = full is { } best2 && within is { } percent
                    ? [new(best2 * (1 + (percent / 100)), $"{Amount.Of(percent)} % above the full ensemble")] : [],
            },
        ])
        {
            Caption =
        "Left and low is good. Markers: median of the repeats; bars: twice the machine's noise. Points above the dashed steps are beaten "
        + "by one that costs no more and is at least as good."
        };
        var table = new ReportTable(["", unit, "bits per byte", "perplexity", "on the frontier", "costs alike"],
            [.. frontier.Points.Select(p => (string[])[model.Labels.Model(p.Mode, p.K, p.Precision, p.Options), Amount.Of(p.Cost, 1e3),
                Amount.Of(p.BitsPerByte), Amount.Of(p.Perplexity), p.OnFrontier ? "yes" : "", string.Join(", ", p.CostsAlike)])]);
        return Figure.Of(chart, table);
    }

    /// <summary>From one point of the frontier to the next, level until it costs as much as that.</summary>
    private static IEnumerable<Datum> Steps(FrontierPoint[] points, Func<FrontierPoint, string> label)
    {
        for (var i = 0; i < points.Length; i++)
        {
            if (i > 0) yield return new(points[i].Cost.Value * 1e3, points[i - 1].BitsPerByte);
            yield return new(points[i].Cost.Value * 1e3, points[i].BitsPerByte, Label: label(points[i]));
        }
    }

    private static IReadOnlyList<string> Missing(ReportModel model, Frontier[] frontiers) =>
        frontiers.Length > 0 ? []
        : model.Points.Count == 0 ? [Absent.Points(model)]
        : model.Quality is null ? [Absent.Quality(model)]
        : [
        "No measured point has both a cost and a quality: the modes, k and precisions of "
            + "quality.json are others than those of points.jsonl."];
}
