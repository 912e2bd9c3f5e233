using Btx.Cli.Charts;
using Btx.Cli;
using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Report.Sections;

/// <summary>What requests feel while an expert is added and removed.</summary>
public static class ChangeSection
{
    /// <summary>Changes that have a picture of their own.</summary>
    private const int MostPictures = 4;

    public static Section Of(ReportModel model) =>
        model.Change is not { } change ? new("change", "Experts added and removed under load") { Missing = [Absent.Change(model)] }
        : new("change", "Experts added and removed under load")
        {
            Findings = [Finding(change), .. change.Changes.Select(c => Finding(change, c))],
            Figures = change.Windows.Count == 0 ? [] : [Whole(change), .. change.Changes.Take(MostPictures).Select((
                c, i) => Close(change, c, i))],
            Missing = change.Windows.Count == 0 ? ["change.json holds no window of time: no token arrived."] : [],
        };

    private static string Finding(ChangeTimeline change) =>
        $"Over a constant load of {Quantity.Count(change.Requests, "request")}, {Quantity.Count(change.Changes.Count, "change")} of "
        + $"{change.Expert}: {(change.Failed == 0 ? "no request failed." : $"{Quantity.Count(change.Failed, "request")} failed.")}";

    private static string Finding(ChangeTimeline timeline, ChangeTimeline.Change change)
    {
        var until = Until(change);
        var worst = timeline.Windows.Where(w => w.To > change.Begin && w.From < until).Max(w => w.WorstGap);
        double[] usual = [.. Quiet(timeline).Select(w => w.WorstGap).OfType<double>()];
        return $"{change.Kind} {change.Id}: the call took {Amount.Of((change.End - change.Begin) * 1e3)} ms"
            + (change.Background is { } ready ? $", work in the background another {Amount.Of((ready - change.End) * 1e3)} ms" : "")
            + (worst is { } gap ? $"; the worst gap between two tokens meanwhile was {Amount.Of(gap * 1e3)} ms"
            : "; no token arrived meanwhile")
            + (usual.Length > 0
            ? $"; without a change the worst of a window of {Slice(timeline.Windows)} was {Amount.Of(Median.Value(usual) * 1e3)} ms in "
                + $"the median, {Amount.Of(usual.Max() * 1e3)} ms at most."
            : ".");
    }

    private static double Until(ChangeTimeline.Change change) => Math.Max(change.End, change.Background ?? change.End);

    private static string Slice(
        IReadOnlyList<ChangeTimeline.Window> windows) => $"{Amount.Of(windows.Count > 0 ? (windows[0].To - windows[0].From) * 1e3 : 0)} ms";

    /// <summary>Windows that touch no change.</summary>
    private static IEnumerable<ChangeTimeline.Window> Quiet(ChangeTimeline timeline) =>
        timeline.Windows.Where(w => timeline.Changes.All(c => w.To <= c.Begin || w.From >= Until(c)));

    private static Shade[] Shades(IEnumerable<ChangeTimeline.Change> changes) =>
        [.. changes.SelectMany(c => c.Background is { } ready && ready > c.End ? (Shade[])[new(c.Begin, c.End, $"{c.Kind} {c.Id}"),
        new(c.End, ready, $"{c.Kind} {c.Id}: in the background", Faint: true)] : [new(c.Begin, c.End, $"{c.Kind} {c.Id}")])];

    private static Figure Whole(ChangeTimeline change) =>
        Draw("change", $"{change.Expert} added and removed under load", change.Windows, Shades(change.Changes), []);

    private static Figure Close(ChangeTimeline timeline, ChangeTimeline.Change change, int index)
    {
        var room = Math.Max(2, Until(change) - change.Begin);
        ChangeTimeline.Window[] windows = [.. timeline.Windows.Where(w => w.To > change.Begin - room && w.From < Until(change) + room)];
        return Draw($"change-{index + 1}", $"{change.Kind} {change.Id}, closer", windows,
            [.. Shades([change]).Select(s => s with { Label = "" })], [.. change.Phases.Select(p => new Mark(p.At, p.Name))]);
    }

    private static Figure Draw(string name, string title, IReadOnlyList<ChangeTimeline.Window> windows, Shade[] shades, Mark[] marks)
    {
        Series Gap(string label, Func<ChangeTimeline.Window, double?> of, int style, bool joined) =>
            new(label, [.. windows.Select(w => new Datum((w.From + w.To) / 2, of(w) is { } gap ? gap * 1e3 : double.NaN))],
            SeriesStyle.Of(style) with { Hollow = !joined })
            { Marked = !joined, Joined = joined };
        var few = windows.Count <= 60;
        var chart = new Chart(name, title, new Axis("time since the load began (s)"),
        [
            new Panel(new Axis("gap between two tokens (ms)") { Logarithmic = true },
                [Gap("median", w => w.MedianGap, 0, true) with { Marked = few },
                    Gap("99th of a hundred", w => w.P99Gap, 1, true) with { Marked = few }, Gap("worst", w => w.WorstGap, 3, false)]),
            new Panel(new Axis("tokens/s") { FromZero = true }, [new Series("tokens a second", [.. windows.Select(w =>
                new Datum((w.From + w.To) / 2, w.TokensPerSecond))], SeriesStyle.Of(2)) { Marked = few }]) { Height = 110 },
        ])
        {
            Caption = $"Each marker is a window of {Slice(windows)}. Where tokens arrive in bunches, the median is that of tokens that "
                + "came together. Shaded: from the call to its answer; lighter: what the server makes in the background after it.",
            Shades = shades,
            Marks = marks,
        };
        return Figure.Of(chart,
            new ReportTable(["from (s)", "to (s)", "median gap (ms)", "p99 gap (ms)", "worst gap (ms)", "tokens/s", "failed"],
            [.. windows.Select(w => (string[])[Amount.Of(w.From), Amount.Of(w.To), Amount.Of(w.MedianGap * 1e3), Amount.Of(w.P99Gap * 1e3),
                Amount.Of(w.WorstGap * 1e3), Amount.Of(w.TokensPerSecond), Quantity.Count(w.Failed)])]));
    }
}
