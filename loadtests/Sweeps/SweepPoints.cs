namespace Btx.LoadTests.Sweeps;

/// <summary>What all points of a sweep have in common: the requests and the bounds.</summary>
/// <param name="HeatSeconds">Of load on a server that has been started, before its first point: it compiles and maps as it runs.</param>
/// <param name="Router">Of top_k and top_p; null: the server's default.</param>
internal sealed record LoadShape(PromptTexts Texts, DomainMix Mix, Lengths Prompts, Lengths Outputs, LoadBounds Bounds, double HeatSeconds,
    int Seed, ServiceObjective? Objective, string? Router = null)
{
    /// <summary>That lengths may be cut; null: all fit.</summary>
    public string? TooLong(int context) => context == 0 || (long)Prompts.Max + Outputs.Max <= context ? null
        : $"--prompt-tokens {Prompts.Text} and --output-tokens {Outputs.Text} may exceed the context, {context}: the prompt is cut first";

    /// <summary>The same requests for all points of a repeat, others in the next; the reference point always gets the same.</summary>
    public int SeedOf(PlannedPoint point) => point.Reference ? Seed : Seed + 1 + point.Repeat;
}

/// <summary>Measures points on servers, and on peers with the prompts, lengths and arrivals that the server gets.</summary>
internal sealed class SweepPoints(Servers servers, IReadOnlyList<PeerChoice> peers, LoadShape shape, PointSettings reference, string run)
    : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private readonly Dictionary<string, LiveServer> _dense = new(StringComparer.Ordinal);
    private PromptRuler? _ruler;
    private readonly HashSet<LiveServer> _heated = [];

    /// <summary>Measures once, warm-up included, and keeps each request's record.</summary>
    public async Task<PointResult> MeasureAsync(PlannedPoint point, CancellationToken cancellation)
    {
        var settings = point.Settings;
        var peer = peers.FirstOrDefault(c => c.Mode == settings.Mode);
        // A peer gets the requests that the reference point's server would get.
        var asServed = peer is null ? settings
            : reference with { Load = settings.Load, Concurrency = settings.Concurrency, Rate = settings.Rate };
        var server = await servers.ForAsync(asServed, cancellation);
        var load = await LoadAsync(server, asServed, shape.SeedOf(point), cancellation);
        if (peer is null)
            return await ServedAsync(point, server, load, cancellation) with
            { Experts = server.Facts.Experts.Count, MixtureExperts = server.Facts.MixtureExperts.Count };
        if (peer.Kind == PeerKind.Dense)
        {
            if (!_dense.TryGetValue(peer.Name, out var dense)) _dense[peer.Name] = dense = await StartAsync(peer, cancellation);
            if (dense.Facts.Experts is not [var expert])
                throw new LoadTestException($"--peer {peer}: is a forest of {dense.Facts.Experts.Count} experts; a dense peer has one");
            load = load with { Client = dense.Client, Served = dense.Facts, Routing = new("expert", Expert: expert) };
            return await ServedAsync(point, dense, load, cancellation) with
            { Peer = $"this server on a dense model, {peer.Precision}: {Path.GetFileName(peer.Place)}" };
        }

        var slots = settings.Concurrency ?? Math.Max(16, servers.Inputs.Concurrency); // in an open loop as many as the server has
        await using var client = await PeerClient.StartAsync(peer.Name, peer.Command(slots, server.Facts.ContextLength), s_patience,
            cancellation);
        load = load with { Client = client, Served = await client.DescribeAsync(cancellation), Routing = new("expert", Expert: peer.Name) };
        return await RunAsync(point, load, what => what, cancellation) with { Peer = client.Description };
    }

    /// <summary>The load of a point on a server, not yet run.</summary>
    public async Task<LoadRun> LoadAsync(LiveServer server, PointSettings settings, int seed, CancellationToken cancellation)
    {
        var routing = RoutingChoice.Of(settings.Mode, settings.K, shape.Router);
        // Once: all servers of a sweep have one tokenizer, and all points are to get the same prompts.
        _ruler ??= await PromptRuler.MeasureAsync(server.Client, shape.Texts, shape.Mix, routing, server.Facts, shape.Prompts, shape.Seed,
            cancellation);
        var arrivals = settings.Rate is { } rate ? Arrivals.Poisson(rate) : Arrivals.Closed(settings.Concurrency ?? 1);
        var plan = new LoadPlan(arrivals, shape.Texts, _ruler, shape.Mix, shape.Prompts, shape.Outputs, seed);
        return new(server.Client, server.Facts, plan, routing, shape.Bounds);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _dense.Values) await server.DisposeAsync();
        _dense.Clear();
    }

    private Task<LiveServer> StartAsync(PeerChoice dense, CancellationToken cancellation)
    {
        var inputs = servers.Inputs.Of(dense.Precision, dense.Place) with { AveragesOnDemand = true };
        var arguments = inputs.Arguments(dense.Precision, inputs.FirstOptions, verified: false);
        return LiveServer.StartAsync(inputs.Program, arguments, Path.Combine(run, $"server-{dense.Name}.log"), cancellation);
    }

    private async Task<PointResult> ServedAsync(PlannedPoint point, LiveServer server, LoadRun load, CancellationToken cancellation)
    {
        if (_heated.Add(server)) await (load with { Bounds = new() { Seconds = shape.HeatSeconds } }).RunAsync(cancellation);
        var result = await RunAsync(point, load with { Metrics = server.Metrics }, server.ExitReport, cancellation);
        return !server.Ended ? result
            : throw new LoadTestException(server.ExitReport($"{point.Name}: not all was answered; the same command goes on with it"));
    }

    /// <param name="explain">Adds to a message why nothing answers any more.</param>
    private async Task<PointResult> RunAsync(PlannedPoint point, LoadRun load, Func<string, string> explain, CancellationToken cancellation)
    {
        LoadOutcome outcome;
        var file = new RecordFile(Path.Combine(run, RunDirectory.Requests, point.FileName));
        await using (file) outcome = await (load with { File = file }).RunAsync(cancellation);
        cancellation.ThrowIfCancellationRequested();
        if (file.Problem is { } problem) throw new LoadTestException($"{point.Name}: {problem}");
        if (outcome.GivenUp is { } why) throw new LoadTestException(explain($"{point.Name}: {why}"));
        var summary = outcome.Summarise(shape.Objective);
        if (summary.Requests == 0)
            throw new LoadTestException($"{point.Name}: no request was due in the measured time; give more --duration or a higher --rate");
        if (summary.Failed == summary.Requests)
            throw new LoadTestException(explain($"{point.Name}: all failed: {outcome.Records[0].Status}: {outcome.Records[0].Error}"));
        return new(point.Settings, point.Repeat, point.Order, outcome.Started, summary, point.Reference, outcome.Server);
    }
}

/// <summary>The order of a sweep's measurements. Each repeat goes through all points once. In it, points that need the same server process
/// follow each other; the processes are shuffled, and so are the points of each. The reference point comes first, last, and every n points
/// where its own server runs; where another one runs, when that one is done.</summary>
internal static class SweepPlan
{
    /// <param name="earlier">A plan that has been measured before: orders and the reference point's repeats go on.</param>
    public static IReadOnlyList<PlannedPoint> Of(IReadOnlyList<PointSettings> points, PointSettings reference, int repeats,
        int referenceEvery, int seed, IReadOnlyList<PlannedPoint>? earlier = null)
    {
        var (order, references) = (earlier?.Count ?? 0, earlier?.Count(p => p.Reference) ?? 0);
        var (random, plan, since, home) = (new Random(seed), new List<PlannedPoint>(), 0, ServerKey.Of(reference));
        void Refer()
        {
            plan.Add(new(reference, references++, order + plan.Count, true));
            since = 0;
        }

        Refer();
        for (var repeat = 0; repeat < repeats; repeat++)
        {
            var servers = points.GroupBy(ServerKey.Of).Select(g => g.ToArray()).ToArray();
            random.Shuffle(servers);
            foreach (var group in servers)
            {
                random.Shuffle(group);
                foreach (var settings in group)
                {
                    if (since >= referenceEvery && Equals(ServerKey.Of(settings), home)) Refer();
                    plan.Add(new(settings, repeat, order + plan.Count, false));
                    since++;
                }

                if (since >= referenceEvery) Refer();
            }
        }

        if (since > 0) Refer();
        return plan;
    }
}
