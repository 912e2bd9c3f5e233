using System.Diagnostics;
using Btx.Engine.Requests;
using Btx.Model.Mixing;

namespace Btx.Bench.Change;

/// <summary>Streams that are read as a client would; notes when each token came. Ends what runs on disposal.</summary>
internal sealed class Load : IAsyncDisposable
{
    private const int RequestTokens = 64, WarmTokens = 32;

    private readonly ForestEngine engine;
    private readonly ChangeLoad asked;
    private readonly Routing routing = new();
    private readonly CancellationTokenSource stop = new();
    private readonly List<Gap>[] gaps;
    private readonly Task[] readers;
    private int warm;
    private long tokens;

    private Load(ForestEngine engine, ChangeLoad asked)
    {
        (this.engine, this.asked) = (engine, asked);
        gaps = [.. Enumerable.Range(0, asked.Streams).Select(_ => new List<Gap>(1 << 15))];
        readers = [.. Enumerable.Range(0, asked.Streams).Select(n => Task.Run(() => Read(n)))];
    }

    public long Tokens => Interlocked.Read(ref tokens);

    /// <summary>Of all streams; after disposal. None where memory is measured.</summary>
    public IEnumerable<Gap> Gaps => gaps.SelectMany(g => g);

    /// <summary>Returns when every stream decodes.</summary>
    public static async Task<Load> StartAsync(ForestEngine engine, ChangeLoad asked)
    {
        var load = new Load(engine, asked);
        while (Volatile.Read(ref load.warm) < asked.Streams)
        {
            if (load.readers.FirstOrDefault(r => r.IsFaulted) is { } failed) await failed;
            await Task.Delay(5);
        }

        return load;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(readers);
        stop.Dispose();
    }

    private async Task Read(int n)
    {
        var first = true;
        for (var request = 0; !stop.IsCancellationRequested; request++)
        {
            // The first ones are of several lengths, so that the next do not all begin at once.
            var most = !asked.Requests ? int.MaxValue : first ? WarmTokens + ((n + 1) * RequestTokens / gaps.Length) : RequestTokens;
            long last = 0;
            var given = 0;
            await foreach (var e in engine.Generate(Runs.Greedy(n + request, routing, most), stop.Token).ReadAllAsync())
            {
                if (e.Finish is not (FinishReason.None or FinishReason.Length or FinishReason.Cancelled))
                    throw new InvalidOperationException($"a stream ended with {e.Finish}: {e.Message}");
                if (e.Token is null) break;
                var now = Stopwatch.GetTimestamp();
                if (last != 0 && asked.Records) gaps[n].Add(new Gap(now, Stopwatch.GetElapsedTime(last, now).TotalMilliseconds));
                last = now;
                Interlocked.Increment(ref tokens);
                if (first && ++given == WarmTokens) Interlocked.Increment(ref warm);
            }

            first = false;
        }
    }
}

/// <summary>What is measured under which load: streams of mode ensemble.</summary>
/// <param name="Requests">One request after the other on each stream, instead of one that lasts.</param>
/// <param name="Threads">Of the engine; 0: one a core.</param>
/// <param name="Records">Notes when tokens came.</param>
internal sealed record ChangeLoad(TinyForest Model, int Streams, bool Requests, int Threads, bool Records);

/// <summary>Time between two tokens of a stream.</summary>
/// <param name="At">When the second came: a timestamp.</param>
internal readonly record struct Gap(long At, double Milliseconds);
