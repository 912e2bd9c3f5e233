namespace Btx.Engine.Loop;

/// <summary>Counts the requests that wait for slots; refuses more than it may hold. Thread-safe.</summary>
internal sealed class QueueGate(int capacity)
{
    private int waiting;

    public int Capacity => capacity;

    public int Waiting => Volatile.Read(ref waiting);

    /// <summary>False if the queue is full. A request that can start at once passes through it too, so 0 still lets one wait.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref waiting) <= Math.Max(1, capacity)) return true;
        Interlocked.Decrement(ref waiting);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref waiting);
}
