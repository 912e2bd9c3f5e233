using Btx.LoadTests.Doors;
using Btx.LoadTests.Load;
using Btx.LoadTests.Records;
using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.PeerDoors;

/// <summary>Measures points on peers, with the prompts, lengths and arrivals that the server gets. The server idles meanwhile.</summary>
/// <param name="servers">Tells how long prompts are; left to the caller to end.</param>
/// <param name="reference">A point of the server's.</param>
/// <param name="logs">Directory of the dense servers' outputs.</param>
internal sealed class PeerPoints(PeerRequest request, Servers servers, ServedPoints forest, LoadShape shape, PointSettings reference,
    string logs) : IPointSource
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private readonly Dictionary<string, LiveServer> _dense = new(StringComparer.Ordinal);

    public bool Measures(PointSettings settings) => request.Choices.Any(c => c.Mode == settings.Mode);

    public async Task<PointResult> MeasureAsync(PlannedPoint point, string requestsFile, CancellationToken cancellation)
    {
        var settings = point.Settings;
        var choice = request.Choices.First(c => c.Mode == settings.Mode);
        var server = await servers.ForAsync(reference, cancellation).ConfigureAwait(false);
        var load = reference with { Load = settings.Load, Concurrency = settings.Concurrency, Rate = settings.Rate };
        var plan = (await forest.LoadAsync(server, load, shape.SeedOf(point), cancellation).ConfigureAwait(false)).Plan;
        if (choice.Kind == PeerKind.Dense) return await DenseAsync(point, choice, plan, requestsFile, cancellation).ConfigureAwait(false);
        var slots = settings.Concurrency ?? Math.Max(16, servers.Inputs.Concurrency); // in an open loop as many as the server has
        var peer = await PeerProcess.StartAsync(PeerCommand.Of(choice, request.Threads, slots, server.Facts.ContextLength), s_patience,
            cancellation).ConfigureAwait(false);
        var door = new PeerDoor(peer, choice.Name);
        await using var closed = door.ConfigureAwait(false);
        var run = new LoadRun
        {
            Door = door,
            Served = await door.DescribeAsync(cancellation).ConfigureAwait(false),
            Plan = plan,
            Routing = new("expert", Expert: choice.Name),
            Bounds = shape.Bounds
        };
        var result = await MeasuredPoint.OfAsync(point, run, null, requestsFile, shape.Objective, what => what, cancellation)
            .ConfigureAwait(false);
        return result with { Peer = peer.Description.ToString() };
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _dense.Values) await server.DisposeAsync().ConfigureAwait(false);
        _dense.Clear();
    }

    private async Task<PointResult> DenseAsync(PlannedPoint point, PeerChoice choice, LoadPlan plan, string requestsFile,
        CancellationToken cancellation)
    {
        var fresh = !_dense.TryGetValue(choice.Name, out var server);
        if (fresh)
        {
            var inputs = servers.Inputs with
            {
                Forests = new Dictionary<string, string> { [choice.Precision] = choice.Place },
                Mixtures = new Dictionary<string, string>(),
                AveragesOnDemand = true
            };
            server = await LiveServer.StartAsync(request.Server!, inputs.Arguments(choice.Precision, servers.Inputs.FirstOptions,
                verified: false), Path.Combine(logs, $"server-{choice.Name}.log"), cancellation).ConfigureAwait(false);
            _dense[choice.Name] = server;
        }

        if (server!.Facts.Experts is not [var expert])
            throw new LoadTestException($"--peer {choice}: is a forest of {server.Facts.Experts.Count} experts; a dense peer has one");
        var run = new LoadRun
        {
            Door = server.Door,
            Served = server.Served,
            Plan = plan,
            Routing = new RoutingChoice("expert", Expert: expert),
            Bounds = shape.Bounds
        };
        if (fresh)
            await new LoadRun
            {
                Door = run.Door,
                Served = run.Served,
                Plan = plan,
                Routing = run.Routing,
                Bounds = new() { Seconds = shape.HeatSeconds }
            }.RunAsync(cancellation).ConfigureAwait(false);
        var result = await MeasuredPoint.OfAsync(point, run, server.Metrics, requestsFile, shape.Objective, server.Obituary, cancellation)
            .ConfigureAwait(false);
        return result with { Peer = $"this server on a dense model, {choice.Precision}: {choice.Place}" };
    }
}
