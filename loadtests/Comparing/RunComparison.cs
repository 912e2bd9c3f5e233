using System.Text.Json.Serialization;
using Btx.Cli;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Comparing;

/// <summary>What changed from the first run to the second.</summary>
public sealed record RunComparison
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    public required RunSide First { get; init; }

    public required RunSide Second { get; init; }

    /// <summary>What else is not the same, so that a change below may come from it: machine, version, load. A sentence each.</summary>
    public required IReadOnlyList<string> Caveats { get; init; }

    public required IReadOnlyList<string> OnlyInFirst { get; init; }

    public required IReadOnlyList<string> OnlyInSecond { get; init; }

    /// <summary>A difference below this share is none that matters.</summary>
    public required double Tolerance { get; init; }

    /// <summary>Points, then fitted coefficients, then quality.</summary>
    public required IReadOnlyList<Change> Changes { get; init; }

    public int Count(string verdict) => Changes.Count(c => c.Verdict == verdict);
}

/// <summary>Which run.</summary>
/// <param name="Measurements">Points with their repeats.</param>
public sealed record RunSide(string Directory, DateTimeOffset Started, string Version, MachineDescription Machine, LoadDescription Load,
    int Measurements);

/// <summary>What a comparison says of one figure.</summary>
public static class Verdict
{
    public const string Better = "better";

    public const string Worse = "worse";

    /// <summary>The whole confidence interval lies within the tolerance.</summary>
    public const string Same = "same";

    /// <summary>Neither a change nor the lack of one is shown: the noise is too large for the repeats.</summary>
    public const string CannotTell = "cannot tell";
}

/// <summary>One figure in both runs.</summary>
public sealed record Change
{
    /// <summary>Name of the settings, of the line (<c>a + b·k, concurrency 4, fp32</c>) or of the model (<c>top_k:k=2@fp32</c>).</summary>
    public required string Of { get; init; }

    public required string Metric { get; init; }

    public required string Unit { get; init; }

    /// <summary>Geometric mean of the first run's repeats; of shares the mean.</summary>
    public required double First { get; init; }

    public required double Second { get; init; }

    /// <summary>Second over first with its 95 % interval, which is not corrected for the number of comparisons. Null where a ratio says
    /// nothing: shares, coefficients about zero.</summary>
    public Estimate? Ratio { get; init; }

    /// <summary>Chance of a difference as large if nothing had changed; null if nothing was measured twice.</summary>
    public double? P { get; init; }

    /// <summary><see cref="P"/> corrected for the number of comparisons (Holm).</summary>
    public double? AdjustedP { get; init; }

    /// <summary>Of the rank test (Mann-Whitney), which needs four repeats on each side and assumes no distribution; beside, not in, the
    /// verdict.</summary>
    public double? RankP { get; init; }

    public required int FirstRepeats { get; init; }

    public required int SecondRepeats { get; init; }

    /// <summary>One of <see cref="Comparing.Verdict"/>.</summary>
    public string Verdict { get; init; } = Comparing.Verdict.CannotTell;

    /// <summary>More of it is better.</summary>
    [JsonIgnore]
    public bool MoreIsBetter { get; init; }
}

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
            + $"{Quantity.Percent(comparison.Tolerance)}, {comparison.Count(Verdict.CannotTell)} that cannot be "
                + $"told{(all ? "" : " (--all shows them)")}";
        yield return comparison.Changes.Any(c => c.P is not null)
            ? "p: Student's t over repeats with the noise of both runs, corrected for all comparisons (Holm); intervals: 95 %, not "
                + "corrected"
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
