using Btx.Cli.Charts;
using Btx.Cli;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report.Sections;

/// <summary>What one expert more costs: the fitted lines, and where they break.</summary>
public static class CostSection
{
    private const int MostLines = 6;

    public static Section Of(ReportModel model)
    {
        var lines = model.Analysis?.Lines ?? [];
        return new("cost", "The cost of an expert")
        {
            Findings = [.. lines.GroupBy(l => l.Form).SelectMany(g => g.GroupBy(l => l.Quantity).First()).Select(Finding)],
            Tables =
            [
                new(["", "at", "intercept (ms)", "an expert (ms)", "R²", "misfit, p", "fitted to k",
                    "through the points that do not break it"],
                    [.. lines.Select(l =>
                        (string[])[$"{l.Form}: {Quantities.Title(l.Quantity)}", l.Where, .. Figures(l.Fit), l.Held is { } held
                        ? $"k = {Values(l, breaks: false)}: {Amount.Of(held.Intercept, 1e3)}; "
                            + $"{Amount.Of(held.Slope, 1e3)}; R² {Math.Round(held.R2, 4)}"
                        : ""])]),
                new(["where a line breaks", "at", ""],
                    [.. lines.SelectMany(l => l.Breaks.Select(b => (string[])[$"{l.Form}: {Quantities.Title(l.Quantity)}", l.Where, b]))]),
            ],
            Figures = [.. lines.GroupBy(l => (l.Form, l.Quantity)).SelectMany(g => g.Chunk(MostLines)).Select((g, i) => Draw(g, i))],
            Missing = lines.Count > 0 ? [] : model.Points.Count == 0 ? [Absent.Points(model)] : [
                "No line was fitted: that needs three or more k of one mode at one load. `btx loadtest "
                    + "sweep --modes top_k --k 1,2,3,4 …` measures them."],
        };
    }

    private static string[] Figures(LineFigures f) => [Amount.Of(f.Intercept, 1e3), Amount.Of(f.Slope, 1e3), $"{Math.Round(f.R2, 4)}",
        Amount.Of(f.MisfitP), $"{Amount.Of(f.From)} to {Amount.Of(f.To)}"];

    private static string Finding(CostLine line)
    {
        var (a, b) = line.Form == CostLine.Mixture ? ("A", "F") : ("a", "b");
        var best = line.Best();
        return $"{line.Form}, {Quantities.Title(line.Quantity)}, {line.Where}: {a} = {Milliseconds(best.Intercept)}, {b} = "
            + $"{Milliseconds(best.Slope)} an expert, R² = {Math.Round(best.R2, 4)}"
            + (line.Held is null ? ""
            : $", through k = {Values(line, breaks: false)}, without k = {Values(line, breaks: true)}, which it does not hold for")
            + (line.Breaks.Count == 0 ? "; it holds." : ".");
    }

    /// <summary>The values of k at which the line breaks, or holds; a k of two modes with the mode's name.</summary>
    private static string Values(CostLine line, bool breaks) =>
        string.Join(", ", line.Points.Where(p => p.Breaks == breaks)
        .Select(p => Amount.Of(p.K) + (line.Points.Count(o => o.K == p.K) > 1 ? $" ({p.Name.Split('-')[0]})" : "")));

    private static Figure Draw(CostLine[] lines, int index)
    {
        var (form, quantity) = (lines[0].Form, lines[0].Quantity);
        var chart = new Chart($"cost-{index + 1}", $"{form}: {Quantities.Title(quantity)}",
            new Axis("experts a token, k") { Whole = true, FromZero = true },
            [new Panel(new Axis($"{Quantities.Title(quantity)} (ms)") { FromZero = true }, [.. lines.SelectMany(Series)]) { Height = 320 }])
        {
            Caption = $"Markers: median of the repeats, bars: the least and the most. Lines: the fit ({form}), dotted where it was not "
                + "fitted; bands: its 95 % interval. Hollow: where the line breaks.",
        };
        var table = new ReportTable(["", "k", "measured (ms)", "the line (ms)", "deviation from it", "breaks",
            "line through all points (ms)"],
            [.. lines.SelectMany(l => l.Points.Select(p => (string[])[l.Where, Amount.Of(p.K), Amount.Of(p.Seconds, 1e3),
                Amount.Of(l.Best().At(p.K) * 1e3), Quantity.Percent(p.Deviation), p.Breaks ? "yes" : "", Amount.Of(p.Fitted, 1e3)]))]);
        return Figure.Of(chart, table);

        IEnumerable<Series> Series(CostLine line, int at)
        {
            var (style, best) = (SeriesStyle.Of(at), line.Best());
            yield return new Series(line.Where, [.. line.Points.Where(p => !p.Breaks).Select(Point)], style) { Joined = false };
            yield return new Series($"{line.Where}: breaks", [.. line.Points.Where(p => p.Breaks).Select(Point)],
                style with { Hollow = true })
            { Joined = false, Listed = line.Points.Any(p => p.Breaks) };
            yield return new Series($"{line.Where}: interval",
                [.. line.Points.Select(p => new Datum(p.K, p.Fitted.Value * 1e3, p.Fitted.Low * 1e3, p.Fitted.High * 1e3))],
                style with { Dash = line.Held is null ? 0 : 1 })
            { Marked = false, Listed = false };
            if (line.Held is not null)
                yield return new Series($"{line.Where}: fit", [At(best.From), At(best.To)], style) { Marked = false, Listed = false };
            yield return new Series($"{line.Where}: beyond", [At(0), At(best.From)], style with { Dash = 2 })
            {
                Marked = false,
                Listed = false
            };
            if (line.Held is not null)
                yield return new Series($"{line.Where}: beyond", [At(best.To), At(line.Points[^1].K)],
                    style with { Dash = 2 })
                { Marked = false, Listed = false };

            Datum At(double k) => new(k, best.At(k) * 1e3);
        }

        static Datum Point(CostLinePoint p) => new(p.K, p.Seconds.Value * 1e3, p.Seconds.Low * 1e3, p.Seconds.High * 1e3);
    }

    private static string Milliseconds(Estimate e) => e is { Low: not null, High: not null }
        ? $"{Amount.Of(e.Value * 1e3)} ms ({Amount.Of(e.Low * 1e3)} to {Amount.Of(e.High * 1e3)})" : $"{Amount.Of(e.Value * 1e3)} ms";
}
