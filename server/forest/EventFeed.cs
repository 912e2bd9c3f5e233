using System.Threading.Channels;

namespace Btx.Forest;

internal sealed class EventFeed(TimeProvider time, Lock gate)
{
    private const int Kept = 256;

    private readonly List<Channel<ForestEvent>> watchers = [];
    private long number;
    private bool closed;

    public void Publish(ChangeRecord change, string? phase, string message, ForestState served)
    {
        lock (gate)
        {
            var e = new ForestEvent(++number, time.GetUtcNow(), change, phase, message, [.. served.Ready.Select(x => x.Name)],
                served.Revision);
            foreach (var watcher in watchers) watcher.Writer.TryWrite(e);
        }
    }

    /// <summary>Watches from the call on, not from the first read. The end of the feed ends it; a cancellation throws.</summary>
    public IAsyncEnumerable<ForestEvent> Watch(CancellationToken cancellation)
    {
        var channel = Channel.CreateBounded<ForestEvent>(new BoundedChannelOptions(Kept)
        { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        lock (gate)
        {
            if (closed) channel.Writer.Complete();
            else watchers.Add(channel);
        }

        return Read(channel, cancellation);
    }

    public void Close()
    {
        lock (gate)
        {
            closed = true;
            foreach (var watcher in watchers) watcher.Writer.TryComplete();
            watchers.Clear();
        }
    }

    private async IAsyncEnumerable<ForestEvent> Read(Channel<ForestEvent> channel,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        using var registration = cancellation.UnsafeRegister(static (c, token) =>
            ((Channel<ForestEvent>)c!).Writer.TryComplete(new OperationCanceledException(token)), channel);
        try
        {
            await foreach (var e in channel.Reader.ReadAllAsync(CancellationToken.None)) yield return e;
        }
        finally
        {
            lock (gate) watchers.Remove(channel);
        }
    }
}

/// <param name="Number">Counts the events of this server from 1, without gaps.</param>
/// <param name="Change">As it stands now; its outcome says whether it is open, committed or given up.</param>
/// <param name="Phase">One of <see cref="ChangePhase.Names"/>; null: the outcome is new.</param>
/// <param name="Experts">Those that get traffic now.</param>
/// <param name="Revision">Of the forest served now.</param>
public sealed record ForestEvent(long Number, DateTimeOffset Time, ChangeRecord Change, string? Phase, string Message,
    IReadOnlyList<string> Experts, long Revision);
