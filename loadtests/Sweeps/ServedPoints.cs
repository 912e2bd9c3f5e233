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
            await new LoadRun
            {
                Door = run.Door,
                Served = run.Served,
                Plan = run.Plan,
                Routing = run.Routing,
                Bounds = new() { Seconds = shape.HeatSeconds }
            }.RunAsync(cancellation).ConfigureAwait(false);
            _heated = server;
        }

        var result = await MeasuredPoint.OfAsync(point, run, server.Metrics, requestsFile, shape.Objective, server.Obituary, cancellation)
            .ConfigureAwait(false);
        if (server.Ended)
            throw new LoadTestException(server
                .Obituary($"{point.Name}: not all requests were answered; the points before it are kept, and the same command goes on"));
        return result with { Experts = server.Facts.Experts.Count, MixtureExperts = server.Facts.MixtureExperts.Count };
    }

    /// <summary>The load of a point on a server, not yet run. <exception cref="LoadTestException">The
    /// server refuses a first prompt.</exception></summary>
    public async Task<LoadRun> LoadAsync(LiveServer server, PointSettings settings, int seed, CancellationToken cancellation)
    {
        var routing = SettingsRouting.Of(settings);
        // Once: all servers of a sweep have one tokenizer, and all points are to get the same prompts.
        _ruler ??= await PromptRuler.MeasureAsync(server.Door, shape.Texts, shape.Mix, routing, server.Served, shape.Prompts, shape.Seed,
            cancellation).ConfigureAwait(false);
        var plan = new LoadPlan(LoadShape.Arrivals(settings), shape.Texts, _ruler, shape.Mix, shape.Prompts, shape.Outputs, seed);
        return new LoadRun { Door = server.Door, Served = server.Served, Plan = plan, Routing = routing, Bounds = shape.Bounds };
    }

    public ValueTask DisposeAsync() => default;
}
