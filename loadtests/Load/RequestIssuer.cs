namespace Btx.LoadTests.Load;

/// <summary>Hands out a plan's requests until a bound is met, and says which are measured. For many threads at once.</summary>
internal sealed class RequestIssuer(IEnumerator<PlannedRequest> requests, LoadBounds bounds)
{
    private readonly Lock _gate = new();
    private int _measured;
    private bool _over;
    private double? _from;

    /// <summary>When measuring began; null: not yet.</summary>
    public double? From
    {
        get
        {
            lock (_gate) return _from;
        }
    }

    /// <summary>No more, because all that is due in the measured time was handed out.</summary>
    public bool DurationMet { get; private set; }

    /// <summary>Nothing more is handed out.</summary>
    public bool IsOver
    {
        get
        {
            lock (_gate) return _over;
        }
    }

    /// <summary>Measuring begins, if its time has come.</summary>
    /// <returns>When it began; null: it has not.</returns>
    public double? Begin(double now)
    {
        lock (_gate)
        {
            if (_from is null && bounds.WarmUpRequests == 0 && now >= bounds.WarmUpSeconds) _from = bounds.WarmUpSeconds;
            return now >= _from ? _from : null;
        }
    }

    /// <returns>Null: there are no more.</returns>
    public Ticket? Next(double now)
    {
        lock (_gate)
        {
            if (_over || !requests.MoveNext()) return Over();
            var request = requests.Current;
            var due = request.Due ?? now;
            var warmUp = bounds.WarmUpRequests > 0 ? request.Index < bounds.WarmUpRequests : due < bounds.WarmUpSeconds;
            if (warmUp) return new(request, due, WarmUp: true);
            _from ??= bounds.WarmUpRequests > 0 ? due : bounds.WarmUpSeconds;
            if (bounds.Seconds is { } seconds && due >= _from + seconds)
            {
                DurationMet = true;
                return Over();
            }

            return _measured++ == bounds.Requests ? Over() : new(request, due, WarmUp: false);
        }
    }

    private Ticket? Over()
    {
        _over = true;
        return null;
    }

    internal sealed record Ticket(PlannedRequest Request, double Due, bool WarmUp);
}
