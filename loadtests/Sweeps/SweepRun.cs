using System.Diagnostics;
using Btx.Cli;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>Measures a plan's points in its order; those that the directory holds already are left out.</summary>
internal sealed class SweepRun(SweepState state, IReadOnlyList<IPointSource> sources, ProgressItem progress)
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
        if (open.Length < plan.Count) progress.WriteLine($"{plan.Count - open.Length} of {plan.Count} measurements are there already");
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < open.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            progress.Report(plan.Count - open.Length + i, open[i].Name, plan.Count);
            var result = await sources.First(s => s.Measures(open[i].Settings)).MeasureAsync(open[i], state.RequestsFile(open[i]),
                cancellation).ConfigureAwait(false);
            state.Add(result);
            var left = clock.Elapsed / (i + 1) * (open.Length - i - 1);
            progress.WriteLine($"{plan.Count - open.Length + i + 1,4}/{plan.Count}  {open[i].Name,-44} "
                    + $"{Line(result.Summary)}{(i + 1 < open.Length ? $"  {Quantity.Seconds(Math.Ceiling(left.TotalSeconds))} left" : "")}");
        }
    }

    private static string Line(LoadSummary s) =>
        $"{s.TokensPerSecond,8:0.0} tokens/s {s.RequestsPerSecond,7:0.00} requests/s  first token {Milliseconds(s.TimeToFirstToken)}  "
        + $"token {Milliseconds(s.InterToken)}{(s.Failed > 0 ? $"  {s.Failed} of {s.Requests} failed" : "")}";

    private static string Milliseconds(LatencyFigures? figures) => figures is null ? "     – ms" : $"{1000 * figures.P50.Value,6:0.0} ms";
}
