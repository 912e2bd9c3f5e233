using Btx.LoadTests.Clients;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Load;

/// <summary>
/// Sends a plan's requests to a server and records what becomes of them. The clock of a request starts when it is due, whether or not it
/// could be sent then. Requests that are under way when the measured time is over are waited for; their latency counts, their later
/// tokens do not count to the throughput.
/// </summary>
public sealed record LoadRun(IServerClient Client, ServedFacts Served, LoadPlan Plan, RoutingChoice Routing, LoadBounds Bounds)
{
    /// <summary>0: greedy.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Null: records are kept in memory only.</summary>
    public RecordFile? File { get; init; }

    /// <summary>Null: the server's figures are not read.</summary>
    public ServerMetrics? Metrics { get; init; }

    public IProgress<LoadProgress>? Progress { get; init; }

    /// <summary>When <paramref name="stop"/> is cancelled, what was measured until then is the outcome.</summary>
    public async Task<LoadOutcome> RunAsync(CancellationToken stop)
    {
        Bounds.Validate();
        using var requests = Plan.Requests().GetEnumerator();
        using var window = new MeasuredWindow(Metrics);
        using var running = new RunningLoad(this, new(requests, Bounds), window, stop);
        return await running.RunAsync(stop);
    }
}

/// <summary>What a load left behind.</summary>
/// <param name="Records">In the order in which they ended, warm-up included.</param>
/// <param name="From">Seconds since the load began: the time that is measured, to <paramref name="To"/>.</param>
/// <param name="Server">Of the same time; null where the server shows no metrics of that kind.</param>
/// <param name="Stopped">Before a bound was met.</param>
/// <param name="GivenUp">Why the load was given up; null: it was not.</param>
/// <param name="ProcessorShare">Processor seconds that this process used a second, while it measured.</param>
public sealed record LoadOutcome(IReadOnlyList<RequestRecord> Records, DateTimeOffset Started, double From, double To,
    ServerFigures? Server, bool Stopped, string? GivenUp, double ProcessorShare)
{
    public LoadSummary Summarise(ServiceObjective? objective = null) => LoadFigures.Of(Records, From, To, objective);
}

/// <summary>How far a load is.</summary>
/// <param name="Seconds">Since it began.</param>
/// <param name="Measuring">The warm-up is over.</param>
/// <param name="Tokens">Of requests that have ended, like <paramref name="Ended"/>.</param>
public readonly record struct LoadProgress(double Seconds, bool Measuring, int Sent, int Ended, int Failed, long Tokens);
