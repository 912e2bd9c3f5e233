using Btx.LoadTests.Clients;
using Btx.LoadTests.Load;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>What all points of a sweep have in common: the requests and the bounds.</summary>
/// <param name="HeatSeconds">Of load that a server gets when it has been started, before its first point: it compiles and maps as it
/// runs.</param>
internal sealed record LoadShape(PromptTexts Texts, DomainMix Mix, Lengths Prompts, Lengths Outputs, LoadBounds Bounds, double HeatSeconds,
    int Seed, ServiceObjective? Objective)
{
    /// <summary>That lengths may be cut; null: all fit.</summary>
    /// <param name="context">Tokens of prompt and answer together; 0: not known.</param>
    public string? TooLong(int context) => context == 0 || (long)Prompts.Max + Outputs.Max <= context ? null
        : $"--prompt-tokens {Prompts.Text} and --output-tokens {Outputs.Text} are up to {(long)Prompts.Max + Outputs.Max} tokens "
            + $"together, the context is {context}: what is longer is cut to it, the prompt first";

    /// <summary>The same requests for all points of a repeat, others in the next; the reference point always gets the same.</summary>
    public int SeedOf(PlannedPoint point) => point.Reference ? Seed : Seed + 1 + point.Repeat;
}

/// <summary>The peers of a sweep.</summary>
/// <param name="Program">Serves the dense models; empty: there are none.</param>
internal sealed record PeerRequest(IReadOnlyList<PeerChoice> Choices, int Threads, string[] Program);

/// <summary>Measures points on servers of a forest, and on peers with the prompts, lengths and arrivals that the server gets; the server
/// idles meanwhile.</summary>
internal sealed class SweepPoints(Servers servers, PeerRequest peers, LoadShape shape, PointSettings reference, string logs)
    : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private readonly Dictionary<string, LiveServer> _dense = new(StringComparer.Ordinal);
    private PromptRuler? _ruler;
    private LiveServer? _heated;

    /// <summary>Measures once, warm-up included; keeps each request's record in <paramref name="requestsFile"/>.</summary>
    public async Task<PointResult> MeasureAsync(PlannedPoint point, string requestsFile, CancellationToken cancellation)
    {
        var settings = point.Settings;
        if (peers.Choices.FirstOrDefault(c => c.Mode == settings.Mode) is { } choice)
            return await PeerAsync(point, choice, requestsFile, cancellation);
        var server = await servers.ForAsync(settings, cancellation);
        var load = await LoadAsync(server, settings, shape.SeedOf(point), cancellation);
        if (_heated != server) await HeatAsync(load, cancellation);
        _heated = server;
        var result = await RunAsync(point, load with { Metrics = server.Metrics }, requestsFile, server.ExitReport, cancellation);
        if (server.Ended)
            throw new LoadTestException(server
                .ExitReport($"{point.Name}: not all requests were answered; the points before it are kept, and the same command goes on"));
        return result with { Experts = server.Facts.Experts.Count, MixtureExperts = server.Facts.MixtureExperts.Count };
    }

    /// <summary>The load of a point on a server, not yet run.</summary>
    public async Task<LoadRun> LoadAsync(LiveServer server, PointSettings settings, int seed, CancellationToken cancellation)
    {
        var routing = RoutingChoice.Of(settings);
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

    private async Task<PointResult> PeerAsync(PlannedPoint point, PeerChoice choice, string requestsFile, CancellationToken cancellation)
    {
        var settings = point.Settings;
        var server = await servers.ForAsync(reference, cancellation);
        var asServed = reference with { Load = settings.Load, Concurrency = settings.Concurrency, Rate = settings.Rate };
        var load = await LoadAsync(server, asServed, shape.SeedOf(point), cancellation);
        if (choice.Kind == PeerKind.Dense) return await DenseAsync(point, choice, load, requestsFile, cancellation);
        var slots = settings.Concurrency ?? Math.Max(16, servers.Inputs.Concurrency); // in an open loop as many as the server has
        var command = choice.Command(peers.Threads, slots, server.Facts.ContextLength);
        await using var peer = await PeerClient.StartAsync(choice.Name, command, s_patience, cancellation);
        load = load with { Client = peer, Served = await peer.DescribeAsync(cancellation), Routing = new("expert", Expert: choice.Name) };
        var result = await RunAsync(point, load, requestsFile, what => what, cancellation);
        return result with { Peer = peer.Description };
    }

    private async Task<PointResult> DenseAsync(PlannedPoint point, PeerChoice choice, LoadRun load, string requestsFile,
        CancellationToken cancellation)
    {
        var fresh = !_dense.TryGetValue(choice.Name, out var server);
        if (fresh)
        {
            var inputs = servers.Inputs.Of(choice.Precision, choice.Place) with { AveragesOnDemand = true };
            server = _dense[choice.Name] = await LiveServer.StartAsync(peers.Program, inputs.Arguments(choice.Precision,
                servers.Inputs.FirstOptions, verified: false), Path.Combine(logs, $"server-{choice.Name}.log"), cancellation);
        }

        if (server!.Facts.Experts is not [var expert])
            throw new LoadTestException($"--peer {choice}: is a forest of {server.Facts.Experts.Count} experts; a dense peer has one");
        load = load with { Client = server.Client, Served = server.Facts, Routing = new("expert", Expert: expert) };
        if (fresh) await HeatAsync(load, cancellation);
        var result = await RunAsync(point, load with { Metrics = server.Metrics }, requestsFile, server.ExitReport, cancellation);
        return result with { Peer = $"this server on a dense model, {choice.Precision}: {choice.Place}" };
    }

    private Task<LoadOutcome> HeatAsync(LoadRun load, CancellationToken cancellation) =>
        (load with { Bounds = new() { Seconds = shape.HeatSeconds } }).RunAsync(cancellation);

    /// <param name="explain">Adds to a message why nothing answers any more.</param>
    private async Task<PointResult> RunAsync(PlannedPoint point, LoadRun load, string requestsFile, Func<string, string> explain,
        CancellationToken cancellation)
    {
        LoadOutcome outcome;
        var file = new RecordFile(requestsFile);
        await using (file) outcome = await (load with { File = file }).RunAsync(cancellation);
        cancellation.ThrowIfCancellationRequested();
        if (file.Problem is { } problem) throw new LoadTestException($"{point.Name}: {problem}");
        if (outcome.GivenUp is { } why) throw new LoadTestException(explain($"{point.Name}: {why}"));
        var summary = outcome.Summarise(shape.Objective);
        if (summary.Requests == 0)
            throw new LoadTestException($"{point.Name}: no request was due in the measured time; give more --duration or a higher --rate");
        if (summary.Failed == summary.Requests)
            throw new LoadTestException(explain($"{point.Name}: none of {summary.Requests} requests succeeded: "
                + $"{outcome.Records[0].Status}: {outcome.Records[0].Error}"));
        return new(point.Settings, point.Repeat, point.Order, outcome.Started, summary, point.Reference, outcome.Server);
    }
}

/// <summary>One measurement of a sweep; see <see cref="PointResult"/>.</summary>
internal sealed record PlannedPoint(PointSettings Settings, int Repeat, int Order, bool Reference)
{
    /// <summary>Equal for the same measurement of the same sweep.</summary>
    public string Name => $"{Settings.Name}{(Reference ? "-ref" : "")}-r{Repeat}";

    public string FileName => $"{string.Concat(Name.Select(c => c is '/' or '\\' or ':' || char.IsControl(c) ? '_' : c))}.jsonl";

    public static PlannedPoint Of(PointResult result) => new(result.Settings, result.Repeat, result.Order, result.Reference);
}

/// <summary>The order of a sweep's measurements. Each repeat goes through all points once. In it, points that need the same server process
/// follow each other; the processes are shuffled, and so are the points of each. The reference point comes first, last, and every n points
/// where its own server runs; where another one runs, when that one is done.</summary>
internal static class SweepPlan
{
    /// <param name="referenceEvery">Points between two measurements of it.</param>
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
