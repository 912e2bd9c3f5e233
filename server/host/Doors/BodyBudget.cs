namespace Btx.Server.Doors;

/// <summary>
/// Bytes that the bodies which are being read may hold together, beyond the first <see cref="RequestBody.Free"/> of each. Thread-safe.
/// </summary>
internal sealed class BodyBudget(long bytes)
{
    private const long Most = 64 << 20;
    private long _left = bytes;

    public long Bytes { get; } = bytes;

    /// <summary>A part of the memory that this process may use, and two of the largest bodies at least.</summary>
    /// <param name="largest">Bytes of the largest body that is taken.</param>
    public static BodyBudget Of(int largest) =>
        new(Math.Max(2L * largest, Math.Min(Most, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 64)));

    public bool TryTake(long count)
    {
        if (Interlocked.Add(ref _left, -count) >= 0) return true;
        Return(count);
        return false;
    }

    public void Return(long count) => Interlocked.Add(ref _left, count);
}
