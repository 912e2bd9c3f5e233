namespace Btx.Engine.Loop;

/// <summary>How long the loop has been at its present turn. Written by the loop, read by any thread, also while the turn lasts.</summary>
internal sealed class TurnWatch(TimeProvider time)
{
    private const long Resting = long.MinValue;
    private long began = Resting; // timestamp

    /// <summary>Of the present turn; zero between two of them.</summary>
    public TimeSpan Elapsed => Volatile.Read(ref began) is var start && start == Resting ? TimeSpan.Zero : time.GetElapsedTime(start);

    public void Begin() => Volatile.Write(ref began, time.GetTimestamp());

    /// <summary>The loop waits for commands, or has ended.</summary>
    public void Rest() => Volatile.Write(ref began, Resting);
}
