namespace Btx.Server.Doors;

/// <summary>Bytes that the bodies which are being read may hold together. Thread-safe.</summary>
internal sealed class BodyBudget(long bytes)
{
    private long _left = bytes;

    public bool TryTake(long count)
    {
        if (Interlocked.Add(ref _left, -count) >= 0) return true;
        Return(count);
        return false;
    }

    public void Return(long count) => Interlocked.Add(ref _left, count);
}
