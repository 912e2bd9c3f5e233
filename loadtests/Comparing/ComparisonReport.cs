using Btx.Cli;
using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Comparing;

/// <summary>A comparison as text.</summary>
public static class ComparisonReport
{
    /// <param name="all">What is the same and what cannot be told too.</param>
    public static IEnumerable<string> Lines(RunComparison comparison, bool all)
    {
        yield return $"first:  {Side(comparison.First)}";
        yield return $"second: {Side(comparison.Second)}";
        foreach (var caveat in comparison.Caveats) yield return $"note: {caveat}";
        if (comparison.OnlyInFirst.Count > 0) yield return $"only in the first: {string.Join(", ", comparison.OnlyInFirst)}";
        if (comparison.OnlyInSecond.Count > 0) yield return $"only in the second: {string.Join(", ", comparison.OnlyInSecond)}";
        yield return "";
        var shown = comparison.Changes.Where(c => all || c.Verdict is Verdict.Worse or Verdict.Better).ToArray();
        if (shown.Length > 0)
        {
            foreach (var line in Table(shown)) yield return line;
            yield return "";
        }

        yield return $"{comparison.Changes.Count} comparisons: {comparison.Count(Verdict.Worse)} worse, "
            + $"{comparison.Count(Verdict.Better)} better, {comparison.Count(Verdict.Same)} the same within "
            + $"{Quantity.Percent(comparison.Tolerance)}, {comparison.Count(Verdict.CannotTell)} that cannot be told"
            + (all ? "" : " (--all shows them)");
        if (comparison.Changes.Any(c => c.P is not null))
            yield return "p: Student's t over repeats with the noise of both runs, corrected for all "
                + "comparisons (Holm); intervals: 95 %, not corrected";
        else yield return "no point was measured twice in either run: nothing can be called significant; sweep with --repeats 3 or more";
    }

    private static string Side(
        RunSide side) => $"{side.Directory}: {side.Started:yyyy-MM-dd HH:mm}, version {side.Version}, {side.Measurements} measurements, "
            + $"{side.Machine.Processor}, {side.Machine.Cores} cores";

    private static IEnumerable<string> Table(IEnumerable<Change> changes) => TextTable.Lines(
        ["", "of", "figure", "first", "second", "second / first", "95 %", "p"],
        changes.OrderBy(c => c.Verdict switch { Verdict.Worse => 0, Verdict.Better => 1, Verdict.CannotTell => 2, _ => 3 }).Select(c => (string[])
        [
            c.Verdict, c.Of, c.Metric, Value(c.First, c.Unit), Value(c.Second, c.Unit), c.Ratio is { } ratio ? $"{ratio.Value:0.000}" : "",
            c.Ratio is { Low: { } low, High: { } high } ? $"{low:0.000}-{high:0.000}" : "",
            c.AdjustedP is { } p ? p < 0.0001 ? "<0.0001" : $"{p:0.0000}" : "",
        ]), figuresFrom: 3);

    private static string Value(double value, string unit) => unit switch
    {
        "s" => Quantity.Seconds(value),
        "share" => Quantity.Percent(value),
        _ => Quantity.Figures(value),
    };
}
