using Btx.LoadTests.Load;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>Runs a point's load and sums it up.</summary>
internal static class MeasuredPoint
{
    /// <param name="run">Not yet run; without file and metrics.</param>
    /// <param name="metrics">Null: the server has none.</param>
    /// <param name="obituary">Adds to a message why nothing answers any more.</param>
    /// <exception cref="LoadTestException">Nothing answered, or no request was due.</exception>
    /// <exception cref="OperationCanceledException">Cancelled: the point does not count.</exception>
    public static async Task<PointResult> OfAsync(
        PlannedPoint point, LoadRun run, ServerMetrics? metrics, string requestsFile, ServiceObjective? objective,
        Func<string, string> obituary, CancellationToken cancellation)
    {
        LoadOutcome outcome;
        var file = new RecordFile(requestsFile);
        await using (file.ConfigureAwait(false))
        {
            outcome = await new LoadRun
            {
                Door = run.Door,
                Served = run.Served,
                Plan = run.Plan,
                Routing = run.Routing,
                Bounds = run.Bounds,
                File = file,
                Metrics = metrics
            }.RunAsync(cancellation).ConfigureAwait(false);
        }

        cancellation.ThrowIfCancellationRequested();
        if (file.Fault is { } fault) throw new LoadTestException($"{point.Name}: {fault}");
        if (outcome.GivenUp is { } why) throw new LoadTestException(obituary($"{point.Name}: {why}"));
        var summary = outcome.Summarise(objective);
        if (summary.Failed == summary.Requests && summary.Requests > 0)
            throw new LoadTestException(
                obituary($"{point.Name}: none of {summary.Requests} requests succeeded: {outcome.Records[0].Status}: "
                    + $"{outcome.Records[0].Error}"));
        if (summary.Requests == 0)
            throw new LoadTestException($"{point.Name}: no request was due in the measured time; give a "
                + "longer --duration or a higher --rate");
        return new()
        {
            Settings = point.Settings,
            Repeat = point.Repeat,
            Order = point.Order,
            Reference = point.Reference,
            Started = outcome.Started,
            Summary = summary,
            Server = outcome.Server
        };
    }
}
