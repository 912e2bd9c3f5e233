using Btx.LoadTests.Costs;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Comparing;

/// <summary>Compares two runs, settings by settings.</summary>
public static class RunComparer
{
    private const double Level = 0.05;

    /// <summary>Names that <c>metrics</c> may have.</summary>
    public static IReadOnlyList<string> MetricNames { get; } = [.. PointChanges.Metrics.Select(m => m.Name)];

    /// <param name="tolerance">A difference below this share is none that matters.</param>
    /// <param name="metrics">Of the points; null: all. Fewer comparisons leave each more power.</param>
    /// <exception cref="LoadTestException">A metric that there is not; runs without a setting in common.</exception>
    public static RunComparison Compare(MeasuredRun first, MeasuredRun second, double tolerance = 0.02,
        IReadOnlyList<string>? metrics = null)
    {
        if (metrics?.FirstOrDefault(m => !MetricNames.Contains(m)) is { } unknown)
            throw new LoadTestException($"--metrics: there is no {unknown}; there are {string.Join(", ", MetricNames)}");
        string[] Names(MeasuredRun run) => [.. run.Points.Select(p => p.Settings.Name).Distinct()];
        string[] a = Names(first), b = Names(second);
        if (!a.Intersect(b).Any())
            throw new LoadTestException($"{first.Directory} and {second.Directory} have no settings in common: {Some(a)} against "
                + $"{Some(b)}; sweep the same grid twice");
        Change[] measured =
        [
            .. PointChanges.Of(first.Points, second.Points, [.. PointChanges.Metrics.Where(m => metrics?.Contains(m.Name) ?? true)]),
            .. FitChanges.Of(first.Analyse(new AnalysisOptions { WithinPercent = [] }),
                second.Analyse(new AnalysisOptions { WithinPercent = [] })),
        ];
        int[] tested = [.. Enumerable.Range(0, measured.Length).Where(i => measured[i].P is not null)];
        var adjusted = Holm.Adjust([.. tested.Select(i => measured[i].P!.Value)]);
        for (var t = 0; t < tested.Length; t++)
        {
            var change = measured[tested[t]] with { AdjustedP = adjusted[t] };
            measured[tested[t]] = change with { Verdict = Judge(change, tolerance) };
        }

        return new RunComparison
        {
            First = Side(first),
            Second = Side(second),
            Caveats = [.. RunDifferences.Of(first, second)],
            OnlyInFirst = [.. a.Except(b)],
            OnlyInSecond = [.. b.Except(a)],
            Tolerance = tolerance,
            Changes = [.. measured, .. QualityChanges.Of(first.Quality, second.Quality)],
        };
    }

    private static string Judge(Change change, double tolerance)
    {
        var matters = change.Ratio is { } ratio ? Math.Abs(ratio.Value - 1) > tolerance : change.First != change.Second;
        if (change.AdjustedP < Level && matters)
            return change.Second > change.First == change.MoreIsBetter ? Verdict.Better : Verdict.Worse;
        var within = change.Ratio is { } r ? r.Low >= 1 - tolerance && r.High <= 1 + tolerance
            : change.Unit == "share" && Math.Abs(change.Second - change.First) <= tolerance;
        return within ? Verdict.Same : Verdict.CannotTell;
    }

    private static RunSide Side(MeasuredRun run) => new(run.Directory, run.Description.Started, run.Description.Version,
        run.Description.Machine, run.Description.Load, run.Points.Count);

    private static string Some(string[] names) => string.Join(", ", names.Take(3)) + (names.Length > 3 ? ", …" : "");
}
