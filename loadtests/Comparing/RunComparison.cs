using System.Text.Json.Serialization;

namespace Btx.LoadTests.Comparing;

/// <summary>What changed from the first run to the second.</summary>
/// <param name="Caveats">What else is not the same, so that a change may come from it: machine, version, load. A sentence each.</param>
/// <param name="Changes">Points, then fitted coefficients, then quality.</param>
public sealed record RunComparison(RunSide First, RunSide Second, IReadOnlyList<string> Caveats,
    IReadOnlyList<string> OnlyInFirst, IReadOnlyList<string> OnlyInSecond, double Tolerance, IReadOnlyList<Change> Changes)
{
    public int Schema { get; init; } = 1;

    public int Count(string verdict) => Changes.Count(c => c.Verdict == verdict);
}

/// <summary>Which run.</summary>
public sealed record RunSide(string Directory, DateTimeOffset Started, string Version, MachineDescription Machine, LoadDescription Load,
    int Measurements);

/// <summary>What a comparison says of one figure. It is the same if the whole confidence interval lies within the tolerance.</summary>
public static class Verdict
{
    public const string Better = "better", Worse = "worse", Same = "same", CannotTell = "cannot tell";
}

/// <summary>One figure in both runs.</summary>
/// <param name="Of">Name of settings, of a line (<c>a + b·k, concurrency 4, fp32</c>) or of the model (<c>top_k:k=2@fp32</c>).</param>
/// <param name="First">Geometric mean of the first run's repeats; of shares the mean.</param>
/// <param name="Ratio">Second over first with its uncorrected 95 % interval. Null of shares and of coefficients about zero.</param>
/// <param name="P">Chance of a difference as large if nothing had changed; null if nothing was measured twice.</param>
/// <param name="RankP">Of the rank test (Mann-Whitney) from four repeats on each side on; beside, not in, the verdict.</param>
public sealed record Change(string Of, string Metric, string Unit, double First, double Second, int FirstRepeats, int SecondRepeats,
    Estimate? Ratio = null, double? P = null, double? AdjustedP = null, double? RankP = null, string Verdict = Comparing.Verdict.CannotTell)
{
    [JsonIgnore]
    public bool MoreIsBetter { get; init; }
}

/// <summary>A comparison as text.</summary>
public static class ComparisonReport
{
    public static IEnumerable<string> Lines(RunComparison comparison, bool all)
    {
        yield return $"first:  {Side(comparison.First)}";
        yield return $"second: {Side(comparison.Second)}";
        foreach (var caveat in comparison.Caveats) yield return $"note: {caveat}";
        if (comparison.OnlyInFirst.Count > 0) yield return $"only in the first: {string.Join(", ", comparison.OnlyInFirst)}";
        if (comparison.OnlyInSecond.Count > 0) yield return $"only in the second: {string.Join(", ", comparison.OnlyInSecond)}";
        yield return "";
        Change[] shown = [.. comparison.Changes.Where(c => all || c.Verdict is Verdict.Worse or Verdict.Better)
            .OrderBy(c => c.Verdict switch { Verdict.Worse => 0, Verdict.Better => 1, Verdict.CannotTell => 2, _ => 3 })];
        var table = TextTable.Lines(["", "of", "figure", "first", "second", "second / first", "95 %", "p"], shown.Select(c => (string[])
        [
            c.Verdict, c.Of, c.Metric, Value(c.First, c.Unit), Value(c.Second, c.Unit), c.Ratio is { } ratio ? $"{ratio.Value:0.000}" : "",
            c.Ratio is { Low: { } low, High: { } high } ? $"{low:0.000}-{high:0.000}" : "", c.AdjustedP is { } p ? Quantity.Share(p) : "",
        ]), figuresFrom: 3);
        foreach (var line in table.Append("").Where(_ => shown.Length > 0)) yield return line;
        yield return $"{comparison.Changes.Count} comparisons: {comparison.Count(Verdict.Worse)} worse, "
            + $"{comparison.Count(Verdict.Better)} better, {comparison.Count(Verdict.Same)} the same within "
            + $"{Quantity.Percent(comparison.Tolerance)}, {comparison.Count(Verdict.CannotTell)} that cannot be told"
            + (all ? "" : " (--all shows them)");
        yield return comparison.Changes.Any(c => c.P is not null)
            ? "p: Student's t over repeats with both runs' noise, corrected for all comparisons (Holm); intervals: 95 %, not corrected"
            : "no point was measured twice in either run: nothing can be called significant; sweep with --repeats 3 or more";
    }

    private static string Side(RunSide side) => $"{side.Directory}: {side.Started:yyyy-MM-dd HH:mm}, version {side.Version}, "
        + $"{side.Measurements} measurements, {side.Machine.Processor}, {side.Machine.Cores} cores";

    private static string Value(double value, string unit) => unit switch
    {
        "s" => Quantity.Seconds(value),
        "share" => Quantity.Percent(value),
        _ => Quantity.Figures(value),
    };
}
