using Btx.LoadTests.Load;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>Measures points on servers of a forest.</summary>
/// <param name="servers">Left to the caller to end.</param>
internal sealed class ServedPoints(Servers servers, LoadShape shape) : IPointSource
{
    private PromptRuler? _ruler;
    private LiveServer? _heated;

    public bool Measures(PointSettings settings) => ServerKey.Of(settings) is not null;

    public async Task<PointResult> MeasureAsync(PlannedPoint point, string requestsFile, CancellationToken cancellation)
    {
        var settings = point.Settings;
        var server = await servers.ForAsync(settings, cancellation).ConfigureAwait(false);
        var run = await LoadAsync(server, settings, shape.SeedOf(point), cancellation).ConfigureAwait(false);
        if (_heated != server)
        {
            await new LoadRun { Door = run.Door, Served = run.Served, Plan = run.Plan, Routing = run.Routing, Bounds = new() { Seconds = shape.HeatSeconds } }.RunAsync(cancellation).ConfigureAwait(false);
            _heated = server;
        }

        LoadOutcome outcome;
        var file = new RecordFile(requestsFile);
        await using (file.ConfigureAwait(false))
        {
            outcome = await new LoadRun { Door = run.Door, Served = run.Served, Plan = run.Plan, Routing = run.Routing, Bounds = shape.Bounds, File = file, Metrics = server.Metrics }.RunAsync(cancellation).ConfigureAwait(false);
        }

        cancellation.ThrowIfCancellationRequested();
        if (outcome.GivenUp is { } why) throw new LoadTestException(server.Obituary($"{point.Name}: {why}"));
        var summary = outcome.Summarise(shape.Objective);
        if (summary.Failed == summary.Requests && summary.Requests > 0)
            throw new LoadTestException(server.Obituary($"{point.Name}: none of {summary.Requests} requests succeeded: {outcome.Records[0].Status}: {outcome.Records[0].Error}"));
        if (summary.Requests == 0) throw new LoadTestException($"{point.Name}: no request was due in the measured time; give a longer --duration or a higher --rate");
        return new()
        {
            Settings = settings, Repeat = point.Repeat, Order = point.Order, Reference = point.Reference, Started = outcome.Started, Summary = summary, Server = outcome.Server,
            Experts = server.Facts.Experts.Count, MixtureExperts = server.Facts.MixtureExperts.Count,
        };
    }

    /// <summary>The load of a point on a server, not yet run. <exception cref="LoadTestException">The server refuses a first prompt.</exception></summary>
    public async Task<LoadRun> LoadAsync(LiveServer server, PointSettings settings, int seed, CancellationToken cancellation)
    {
        var routing = SettingsRouting.Of(settings);
        // Once: all servers of a sweep have one tokenizer, and all points are to get the same prompts.
        _ruler ??= await PromptRuler.MeasureAsync(server.Door, shape.Texts, shape.Mix, routing, server.Served, shape.Prompts, shape.Seed, cancellation).ConfigureAwait(false);
        var plan = new LoadPlan(LoadShape.Arrivals(settings), shape.Texts, _ruler, shape.Mix, shape.Prompts, shape.Outputs, seed);
        return new LoadRun { Door = server.Door, Served = server.Served, Plan = plan, Routing = routing, Bounds = shape.Bounds };
    }

    public ValueTask DisposeAsync() => default;
}
