using Btx.Forest;

namespace Btx.Server.Changes;

/// <summary>Times the phases of one change, and passes its progress on.</summary>
/// <param name="observe">Receives each phase that has ended and how long it took.</param>
internal sealed class PhaseClock(IProgress<ChangeProgress>? next, TimeProvider time, Action<string, TimeSpan> observe)
    : IProgress<ChangeProgress>
{
    private readonly Lock _gate = new();
    private string? _phase;
    private long _since;

    public void Report(ChangeProgress value)
    {
        lock (_gate)
        {
            if (value.Phase != _phase) Enter(value.Phase);
        }

        next?.Report(value);
    }

    /// <summary>Ends the last phase.</summary>
    public void Stop()
    {
        lock (_gate) Enter(null);
    }

    private void Enter(string? phase)
    {
        var now = time.GetTimestamp();
        if (_phase is not null) observe(_phase, time.GetElapsedTime(_since, now));
        (_phase, _since) = (phase, now);
    }
}
