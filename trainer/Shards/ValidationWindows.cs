
namespace Btx.Trainer.Shards;

/// <summary>
/// Consecutive windows of a shard, each starting on the last token of the one before, so that every token but the first is
/// predicted once; with a limit, evenly spread ones.
/// </summary>
public sealed class ValidationWindows
{
    private readonly TokenShard shard;
    private readonly long available;

    /// <param name="context">T: predicted tokens in a window; a shard shorter than that gives one shorter window.</param>
    /// <param name="limit">Largest number of windows.</param>
    public ValidationWindows(TokenShard shard, int context, int limit = int.MaxValue)
    {
        if (shard.Count < 2) throw new BtxException($"text of {shard.Name} has {shard.Count} tokens; nothing to predict");
        this.shard = shard;
        Context = (int)Math.Min(context, shard.Count - 1);
        available = (shard.Count - 1) / Context;
        Count = (int)Math.Min(limit, available);
    }

    /// <summary>Predicted tokens in each window.</summary>
    public int Context { get; }

    /// <summary>Number of windows.</summary>
    public int Count { get; }

    public string Name => shard.Name;

    /// <summary>Copies T + 1 tokens of window <paramref name="index"/>.</summary>
    public void CopyTo(int index, Span<long> window)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        shard.CopyTo(index * available / Count * Context, window[..(Context + 1)]);
    }
}
