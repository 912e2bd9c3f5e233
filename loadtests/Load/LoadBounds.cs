namespace Btx.LoadTests.Load;

/// <summary>What is left out at the beginning, and when a load ends: by the first bound that is met.</summary>
/// <param name="WarmUpSeconds">That are not measured; or so many <paramref name="WarmUpRequests"/>.</param>
/// <param name="Seconds">That are measured; null: no bound. So for <paramref name="Requests"/>.</param>
/// <param name="TimeoutSeconds">A request that has not ended after so long is given up.</param>
/// <param name="MaxInFlight">Open loop: connections of a client. A request that finds all in use waits; its latency counts that.</param>
/// <param name="LateSeconds">Open loop: so long after the measured time, what was due in it and is not sent yet is given up; null: it is
/// sent, however long that takes.</param>
public sealed record LoadBounds(double WarmUpSeconds = 0, int WarmUpRequests = 0, double? Seconds = null, int? Requests = null,
    double TimeoutSeconds = 120, int MaxInFlight = 1024, double? LateSeconds = null)
{
    public LoadBounds Validate()
    {
        Require(WarmUpSeconds is >= 0 and <= 1e6, "--warm-up", WarmUpSeconds, "0 seconds or more, at most 1000000");
        Require(WarmUpRequests >= 0, "--warm-up-requests", WarmUpRequests, "0 or more");
        if (WarmUpSeconds > 0 && WarmUpRequests > 0) throw new LoadTestException("--warm-up and --warm-up-requests are given; choose one");
        Require(Seconds is null or (> 0 and <= 1e6), "--duration", Seconds, "more than 0 seconds, at most 1000000");
        Require(Requests is null or > 0, "--requests", Requests, "1 or more");
        Require(TimeoutSeconds is > 0 and <= 1e6, "--timeout", TimeoutSeconds, "more than 0 seconds, at most 1000000");
        Require(MaxInFlight > 0, "--max-in-flight", MaxInFlight, "1 or more");
        return this;
    }

    private static void Require(bool holds, string option, object? value, string expected)
    {
        if (!holds) throw new LoadTestException(FormattableString.Invariant($"{option} {value}: expected {expected}"));
    }
}

/// <summary>Hands out a plan's requests until a bound is met, and says which are measured. For many threads at once.</summary>
internal sealed class RequestIssuer(IEnumerator<PlannedRequest> requests, LoadBounds bounds)
{
    private readonly Lock _gate = new();
    private int _measured;
    private double? _from;

    /// <summary>When measuring began; null: not yet.</summary>
    public double? From
    {
        get { lock (_gate) return _from; }
    }

    public bool IsOver { get; private set; }

    /// <summary>Nothing more, because all that is due in the measured time was handed out.</summary>
    public bool DurationMet { get; private set; }

    /// <summary>Measuring begins, if its time has come. <returns>When it began; null: it has not.</returns></summary>
    public double? Begin(double now)
    {
        lock (_gate)
        {
            if (_from is null && bounds.WarmUpRequests == 0 && now >= bounds.WarmUpSeconds) _from = bounds.WarmUpSeconds;
            return now >= _from ? _from : null;
        }
    }

    /// <returns>Null: there are no more.</returns>
    public (PlannedRequest Request, double Due, bool WarmUp)? Next(double now)
    {
        lock (_gate)
        {
            if (IsOver || !requests.MoveNext()) return Over();
            var request = requests.Current;
            var due = request.Due ?? now;
            if (bounds.WarmUpRequests > 0 ? request.Index < bounds.WarmUpRequests : due < bounds.WarmUpSeconds) return (request, due, true);
            _from ??= bounds.WarmUpRequests > 0 ? due : bounds.WarmUpSeconds;
            DurationMet = due >= _from + bounds.Seconds;
            return DurationMet || _measured++ == bounds.Requests ? Over() : (request, due, false);
        }
    }

    private (PlannedRequest, double, bool)? Over()
    {
        IsOver = true;
        return null;
    }
}
