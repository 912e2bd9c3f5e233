using System.Text.Json;
using System.Threading.Channels;
using Btx.LoadTests.Clients;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Load;

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
        await TryAsync(() => _file.DisposeAsync().AsTask());
    }

    private async Task WriteAsync()
    {
        while (await _records.Reader.WaitToReadAsync())
        {
            await TryAsync(async () =>
            {
                while (_records.Reader.TryRead(out var record))
                {
                    if (Problem is not null) continue; // the load goes on, and its figures are made of what is in memory
                    JsonSerializer.Serialize(_file, record, RunJson.Line);
                    _file.WriteByte((byte)'\n');
                }

                if (Problem is null) await _file.FlushAsync();
            });
        }
    }

    private async Task TryAsync(Func<Task> write)
    {
        try
        {
            await write();
        }
        catch (IOException e)
        {
            Problem ??= $"{_file.Name} cannot be written any further: {e.Message.ReplaceLineEndings(" ")}";
        }
    }
}

/// <summary>Sends a plan's requests to a server and records what becomes of them. The clock of a request starts when it is due, whether or
/// not it could be sent then. Requests that are under way when the measured time is over are waited for; their latency counts, their later
/// tokens do not count to the throughput.</summary>
/// <param name="File">Null: records are kept in memory only.</param>
/// <param name="Metrics">Null: the server's figures are not read.</param>
public sealed record LoadRun(IServerClient Client, ServedFacts Served, LoadPlan Plan, RoutingChoice Routing, LoadBounds Bounds,
    double Temperature = 1, RecordFile? File = null, ServerMetrics? Metrics = null, IProgress<LoadProgress>? Progress = null)
{
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
/// <param name="GivenUp">Why the load was given up; null: it was not.</param>
/// <param name="ProcessorShare">Processor seconds that this process used a second, while it measured.</param>
public sealed record LoadOutcome(IReadOnlyList<RequestRecord> Records, DateTimeOffset Started, double From, double To,
    ServerFigures? Server, bool Stopped, string? GivenUp, double ProcessorShare)
{
    public LoadSummary Summarise(ServiceObjective? objective = null) => LoadFigures.Of(Records, From, To, objective);
}

/// <summary>How far a load is.</summary>
/// <param name="Measuring">The warm-up is over.</param>
/// <param name="Tokens">Of requests that have ended, like <paramref name="Ended"/>.</param>
public readonly record struct LoadProgress(double Seconds, bool Measuring, int Sent, int Ended, int Failed, long Tokens);
