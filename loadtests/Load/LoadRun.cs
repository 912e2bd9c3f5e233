using System.Threading.Channels;

namespace Btx.LoadTests.Load;

/// <summary>What is left out at the beginning, and when a load ends: by the first bound that is met.</summary>
/// <param name="WarmUpSeconds">That are not measured; or so many <paramref name="WarmUpRequests"/>.</param>
/// <param name="Seconds">That are measured; null: no bound. So for <paramref name="Requests"/>.</param>
/// <param name="TimeoutSeconds">A request that has not ended after so long is given up.</param>
/// <param name="MaxInFlight">Open loop: connections of a client. A request that finds all in use waits; its latency counts that.</param>
/// <param name="LateSeconds">Open loop: so long after the measured time what was due in it and not sent is given up; null: never.</param>
public sealed record LoadBounds(double WarmUpSeconds = 0, int WarmUpRequests = 0, double? Seconds = null, int? Requests = null,
    double TimeoutSeconds = 120, int MaxInFlight = 1024, double? LateSeconds = null)
{
    public LoadBounds Validate()
    {
        Require(WarmUpSeconds is >= 0 and <= 1e6, "--warm-up", WarmUpSeconds, "0 seconds or more, at most 1000000");
        Require(WarmUpRequests >= 0, "--warm-up-requests", WarmUpRequests, "0 or more");
        if (WarmUpSeconds > 0 && WarmUpRequests > 0) throw new LoadTestException("--warm-up and --warm-up-requests are given; choose one");
        Require(Seconds is null or (> 0 and <= 1e6), "--duration", Seconds, "more than 0 seconds, at most 1000000");
        Require(Requests is null or > 0, "--requests", Requests, "1 or more");
        Require(TimeoutSeconds is > 0 and <= 1e6, "--timeout", TimeoutSeconds, "more than 0 seconds, at most 1000000");
        Require(MaxInFlight > 0, "--max-in-flight", MaxInFlight, "1 or more");
        return this;
    }

    private static void Require(bool holds, string option, object? value, string expected)
    {
        if (!holds) throw new LoadTestException(FormattableString.Invariant($"{option} {value}: expected {expected}"));
    }
}

/// <summary>Appends records as requests end, a line each, flushed; on a thread of its own, so that no request waits for the disk.</summary>
public sealed class RecordFile : IAsyncDisposable
{
    private readonly Channel<RequestRecord> _records = Channel.CreateUnbounded<RequestRecord>(new() { SingleReader = true });
    private readonly FileStream _file;
    private readonly Task _written;

    public RecordFile(string path)
    {
        _file = LoadTestException.Wrap($"{path} cannot be written", () =>
        {
            if (Path.GetDirectoryName(path) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
            return new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
        });
        _written = Task.Run(WriteAsync);
    }

    /// <summary>Why records are missing from it; null: none is. Known when it is disposed.</summary>
    public string? Problem { get; private set; }

    public void Add(RequestRecord record) => _records.Writer.TryWrite(record);

    public async ValueTask DisposeAsync()
    {
        _records.Writer.TryComplete();
        await _written;
    }

    // After a failure the load goes on, and its figures are made of what is in memory.
    private async Task WriteAsync()
    {
        try
        {
            await using var file = _file;
            while (await _records.Reader.WaitToReadAsync())
            {
                while (_records.Reader.TryRead(out var record))
                {
                    JsonSerializer.Serialize(file, record, RunJson.Line);
                    file.WriteByte((byte)'\n');
                }

                await file.FlushAsync();
            }
        }
        catch (IOException e)
        {
            Problem = $"{_file.Name} cannot be written any further: {e.Message.ReplaceLineEndings(" ")}";
        }
    }
}

/// <summary>Sends a plan's requests to a server and records what becomes of them. The clock of a request starts when it is due, whether or
/// not it could be sent then. Requests that are under way when the measured time is over are waited for; their latency counts, their later
/// tokens do not count to the throughput.</summary>
public sealed record LoadRun(IServerClient Client, ServedFacts Served, LoadPlan Plan, RoutingChoice Routing, LoadBounds Bounds,
    double Temperature = 1, RecordFile? File = null, ServerMetrics? Metrics = null, IProgress<LoadProgress>? Progress = null)
{
    /// <summary>When <paramref name="stop"/> is cancelled, what was measured until then is the outcome.</summary>
    public async Task<LoadOutcome> RunAsync(CancellationToken stop)
    {
        Bounds.Validate();
        using var requests = Plan.Requests().GetEnumerator();
        using var running = new RunningLoad(this, new(requests, Bounds), stop);
        return await running.RunAsync();
    }
}

/// <summary>What a load left behind.</summary>
/// <param name="Records">In the order in which they ended, warm-up included.</param>
/// <param name="From">Seconds since the load began: the time that is measured, to <paramref name="To"/>.</param>
/// <param name="Server">Of the same time; null where the server shows no metrics of that kind.</param>
/// <param name="ProcessorShare">Processor seconds that this process used a second, while it measured.</param>
public sealed record LoadOutcome(IReadOnlyList<RequestRecord> Records, DateTimeOffset Started, double From, double To,
    ServerFigures? Server, bool Stopped, string? GivenUp, double ProcessorShare)
{
    public LoadSummary Summarise(ServiceObjective? objective = null) => LoadFigures.Of(Records, From, To, objective);
}

/// <summary>How far a load is.</summary>
/// <param name="Tokens">Of requests that have ended, like <paramref name="Ended"/>.</param>
public readonly record struct LoadProgress(double Seconds, bool Measuring, int Sent, int Ended, int Failed, long Tokens);
