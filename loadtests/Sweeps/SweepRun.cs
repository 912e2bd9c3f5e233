using System.Diagnostics;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>Measures a plan's points in its order; those that the directory holds already are left out.</summary>
internal sealed class SweepRun(SweepState state, IReadOnlyList<IPointSource> sources, ISweepReport report)
{
    /// <exception cref="LoadTestException">A point cannot be measured; those before it are kept.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the point under way does not count.</exception>
    public async Task MeasureAsync(IReadOnlyList<PlannedPoint> plan, CancellationToken cancellation)
    {
        foreach (var point in plan)
        {
            if (!sources.Any(s => s.Measures(point.Settings)))
                throw new LoadTestException($"--modes {point.Settings.Mode}: there is no such peer; `btx loadtest "
                    + "sweep --help` says which there are");
        }

        PlannedPoint[] open = [.. plan.Where(p => !state.Has(p))];
        if (open.Length < plan.Count) report.Line($"{plan.Count - open.Length} of {plan.Count} measurements are there already");
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < open.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            report.Measuring(open[i].Name, plan.Count - open.Length + i, plan.Count);
            var result = await sources.First(s => s.Measures(open[i].Settings)).MeasureAsync(open[i], state.RequestsFile(open[i]),
                cancellation).ConfigureAwait(false);
            state.Add(result);
            var left = clock.Elapsed / (i + 1) * (open.Length - i - 1);
            report
                .Line(
                $"{plan.Count - open.Length + i + 1,4}/{plan.Count}  {open[i].Name,-44} "
                    + $"{Line(result.Summary)}{(i + 1 < open.Length ? $"  {Duration(left)} left" : "")}");
        }
    }

    public static string Duration(TimeSpan time) => time.TotalHours >= 1 ? $"{(int)time.TotalHours} h {time.Minutes} min"
        : time.TotalSeconds >= 90 ? $"{time.TotalMinutes:0} min" : $"{Math.Ceiling(time.TotalSeconds):0} s";

    private static string Line(LoadSummary s) =>
        $"{s.TokensPerSecond,8:0.0} tokens/s {s.RequestsPerSecond,7:0.00} requests/s  first token {Milliseconds(s.TimeToFirstToken)}  "
        + $"token {Milliseconds(s.InterToken)}{(s.Failed > 0 ? $"  {s.Failed} of {s.Requests} failed" : "")}";

    private static string Milliseconds(LatencyFigures? figures) => figures is null ? "     – ms" : $"{1000 * figures.P50.Value,6:0.0} ms";
}
