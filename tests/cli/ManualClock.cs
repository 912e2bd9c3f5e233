namespace Btx.Cli.Tests;

/// <summary>Time that passes only when told to; fires the one timer made from it.</summary>
public sealed class ManualClock : TimeProvider
{
    private readonly List<(TimerCallback Callback, object? State, TimeSpan Period)> timers = [];
    private long ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        timers.Add((callback, state, period));
        return new Unscheduled();
    }

    public void Advance(double seconds)
    {
        ticks += TimeSpan.FromSeconds(seconds).Ticks;
        foreach (var (callback, state, _) in timers.ToArray()) callback(state);
    }

    private sealed class Unscheduled : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose() { }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
