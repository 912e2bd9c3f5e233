namespace Btx.Engine.Forests;

/// <summary>Counts an engine's snapshots that something still holds. Thread-safe.</summary>
internal sealed class LiveSnapshots
{
    private int count;

    public int Count => Volatile.Read(ref count);

    public void Enter() => Interlocked.Increment(ref count);

    public void Leave() => Interlocked.Decrement(ref count);
}
