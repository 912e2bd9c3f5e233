using Btx.Cli.Charts;
using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Report.Sections;

/// <summary>How many experts a batch touches together, and what that costs.</summary>
public static class UnionSection
{
    public static Section Of(ReportModel model)
    {
        var unions = (model.Analysis?.Unions ?? []).Where(u => u.Points.Count > 0).ToArray();
        return new("union", "What a batch touches together")
        {
            Findings = unions.Length == 0 ? [] :
            [
                "A step reads the weights of every expert that any of its tokens runs on. If tokens chose independently and evenly, a "
                    + "batch of B would touch E·(1 - (1 - k/E)^B) of E experts; tokens of the same text "
                        + "choose alike, so that real batches touch fewer.",
                .. unions.Where(u => u.PerExpert is not null).Select(Finding),
            ],
            Tables = [new(["where the formula or the fit breaks", "at", ""],
                [.. unions.SelectMany(u => u.Breaks.Select(b => (string[])[u.Form, u.Where, b]))])],
            Figures = [.. unions.SelectMany(Draw)],
            Missing = unions.Length > 0 ? [] : model.Points.Count == 0 ? [Absent.Points(model)]
                : ["No point has the server's count of distinct experts: that needs its /metrics and steps that only decode."],
        };
    }

    private static string Finding(UnionFit u) =>
        $"{u.Form}, {u.Where}: a step takes {Amount.Of(u.Step, 1e3)} ms, {Amount.Of(u.PerExpert, 1e3)} ms for each distinct expert"
        + (u.PerRow is { } row ? $" and {Amount.Of(row, 1e3)} ms for each row on an expert" : "")
        + (u.R2 is { } r2 ? $"; R² = {Math.Round(r2, 4)}." : ".");

    private static IEnumerable<Figure> Draw(UnionFit union, int index)
    {
        var groups = union.Points.GroupBy(p => (p.K, p.Experts)).OrderBy(g => g.Key).ToArray();
        var most = union.Points.Max(p => p.Batch);
        var what = union.Form == CostLine.Mixture ? "of the BTX model, a layer" : "of the forest";
        var touched = new Chart($"union-{index + 1}", $"Distinct experts {what}: {union.Where}", new Axis("tokens a decode step (mean)"),
        [
            new Panel(new Axis("distinct experts a step") { FromZero = true },
            [
                .. groups.Select((g, i) => new Series($"k = {g.Key.K} of {g.Key.Experts}, measured", [.. g.OrderBy(p => p.Batch).Select(p =>
                    new Datum(p.Batch, p.Distinct.Value, p.Distinct.Low, p.Distinct.High))], SeriesStyle.Of(i)) { Joined = false }),
                .. groups.Select((g, i) => new Series($"k = {g.Key.K} of {g.Key.Experts}, formula",
                    Formula(g.Key.K, g.Key.Experts, Math.Max(2, most)), SeriesStyle.Of(i)) { Marked = false, Listed = false }),
            ]) { Height = 300 },
        ])
        {
            Caption =
        "Markers: measured, median of the repeats with the least and the most. Lines: E·(1 - (1 - "
        + "k/E)^B), tokens that choose independently and evenly."
        };
        yield return Figure.Of(touched, new ReportTable(["", "tokens a step", "k", "experts", "distinct", "formula", "formula holds"],
            [.. union.Points.Select(p => (string[])[p.Name, Amount.Of(p.Batch), $"{p.K}", $"{p.Experts}", Amount.Of(p.Distinct),
                Amount.Of(p.Formula), p.FormulaHolds ? "yes" : "no"])]));
        var cost = new Chart($"union-cost-{index + 1}", $"Step time against distinct experts {what}: {union.Where}",
            new Axis("distinct experts a step"),
        [
            new Panel(new Axis($"{Quantities.Title(union.Quantity)} (ms)") { FromZero = true },
            [
                .. groups.Select((g, i) => new Series($"k = {g.Key.K}, measured", [.. g.Select(p => new Datum(p.Distinct.Value,
                    p.Seconds.Value * 1e3, p.Seconds.Low * 1e3, p.Seconds.High * 1e3, p.Distinct.Low, p.Distinct.High))],
                    SeriesStyle.Of(i)) { Joined = false }),
                .. union.Points.Any(p => p.Fitted is not null)
                    ? groups.Select((g, i) => new Series($"k = {g.Key.K}, fitted",
                    [.. g.Where(p => p.Fitted is not null).Select(p => new Datum(p.Distinct.Value, p.Fitted!.Value * 1e3))],
                    SeriesStyle.Of(i) with { Hollow = true }) { Joined = false }) : [],
            ]) { Height = 280 },
        ])
        {
            Caption =
        "Filled: measured, median of the repeats with the least and the most. Hollow: what the fit says "
        + "for the same point (experts read, rows computed)."
        };
        yield return Figure.Of(cost, new ReportTable(["", "distinct", "measured (ms)", "fitted (ms)"], [
            .. union.Points.Select(p => (string[])[p.Name, Amount.Of(p.Distinct), Amount.Of(p.Seconds, 1e3), Amount.Of(p.Fitted * 1e3)])]));
    }

    private static Datum[] Formula(int k, int experts, double most) =>
        [.. Enumerable.Range(0, 41).Select(i => 1 + ((most - 1) * i * i / 1600))
        .Select(batch => new Datum(batch, experts * (1 - Math.Pow(1 - ((double)k / experts), batch))))];
}
