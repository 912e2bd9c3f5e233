namespace Btx.LoadTests.Load;

internal sealed class RunningLoad(LoadRun load, RequestIssuer issuer, CancellationToken stop) : IDisposable
{
    private readonly List<RequestRecord> _records = [];
    private readonly Lock _gate = new();
    private readonly MeasuredWindow _window = new(load.Metrics); // after the first request the watch alone uses it
    private readonly CancellationTokenSource _end = CancellationTokenSource.CreateLinkedTokenSource(stop), _over = new();
    private CancellationTokenSource _issuing = null!; // of sending
    private int _sent, _failed, _unanswered;
    private long _tokens, _begin;
    private volatile string? _givenUp;
    private volatile bool _cutOff;
    private volatile Exception? _error;

    private LoadBounds Bounds => load.Bounds;

    private double Now => TimeProvider.System.GetElapsedTime(_begin).TotalSeconds;

    /// <summary>So many requests in a row without a server: it is gone.</summary>
    private int GoneAfter => load.Plan.Arrivals.Concurrency is { } concurrency ? Math.Max(20, 2 * concurrency) : 50;

    public async Task<LoadOutcome> RunAsync()
    {
        _issuing = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
        // an idle server's counters are exact
        if (Bounds is { WarmUpSeconds: 0, WarmUpRequests: 0 }) await _window.OpenAsync(_end.Token);
        var started = TimeProvider.System.GetUtcNow();
        _begin = TimeProvider.System.GetTimestamp();
        var watch = WatchAsync();
        try
        {
            await (load.Plan.Arrivals.Concurrency is { } concurrency ? ClosedAsync(concurrency) : OpenAsync());
            if (_error is { } error) throw error;
            if (issuer.DurationMet && _givenUp is null)
                await PauseAsync(issuer.From!.Value + Bounds.Seconds!.Value - Now, _end.Token);
            await _over.CancelAsync();
            await watch;
        }
        finally
        {
            await _end.CancelAsync();
            await watch;
        }

        Report();
        var from = issuer.From ?? 0;
        var last = _records.Where(r => !r.WarmUp).Select(r => r.End ?? 0).DefaultIfEmpty(from).Max();
        var to = stop.IsCancellationRequested ? Math.Max(from, last)
            : Bounds.Seconds is { } seconds && (issuer.DurationMet || _cutOff) ? from + seconds : last;
        return new(_records, started, from, to, _window.Figures, stop.IsCancellationRequested, _givenUp, _window.ProcessorShare);
    }

    public void Dispose()
    {
        _issuing?.Dispose();
        _over.Dispose();
        _end.Dispose();
    }

    private Task ClosedAsync(int concurrency) => Task.WhenAll(Enumerable.Range(0, concurrency).Select(_ => Task.Run(async () =>
    {
        while (!_issuing.IsCancellationRequested && issuer.Next(Now) is var (request, due, warmUp))
        {
            var record = await SendAsync(request, due, warmUp);
            // A server that refuses at once would otherwise be asked thousands of times a second.
            if (record is { Ok: false, CompletionTokens: 0 })
                await PauseAsync(record.Status == Answer.Unreachable ? 0.05 : 0.01, _issuing.Token);
        }
    })));

    private async Task OpenAsync()
    {
        using var free = new SemaphoreSlim(Bounds.MaxInFlight);
        async Task OneAsync(PlannedRequest request, double due, bool warmUp)
        {
            try
            {
                await SendAsync(request, due, warmUp);
            }
            catch (Exception e)
            {
                _error = e;
                await _issuing.CancelAsync();
            }
            finally
            {
                free.Release();
            }
        }

        try
        {
            while (!_issuing.IsCancellationRequested && issuer.Next(0) is var (request, due, warmUp))
            {
                await PauseAsync(due - Now, _issuing.Token);
                while (Now < due && !_issuing.IsCancellationRequested) Thread.Sleep(0); // timers count whole milliseconds
                await free.WaitAsync(_issuing.Token);
                _ = Task.Run(() => OneAsync(request, due, warmUp), CancellationToken.None);
            }
        }
        catch (OperationCanceledException) when (_issuing.IsCancellationRequested) { } // what is under way is waited for

        while (free.CurrentCount < Bounds.MaxInFlight) await Task.Delay(1);
    }

    /// <returns>Null: it was cancelled, and nothing is recorded.</returns>
    private async Task<RequestRecord?> SendAsync(PlannedRequest planned, double due, bool warmUp)
    {
        var request = new CompletionRequest(planned.Prompt, planned.OutputTokens, load.Routing.For(planned.Domain, load.Served),
            load.Temperature, planned.Seed);
        var arrivals = new TokenArrivals(TimeProvider.System, planned.OutputTokens);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
        limit.CancelAfter(TimeSpan.FromSeconds(Bounds.TimeoutSeconds));
        Interlocked.Increment(ref _sent);
        var sent = TimeProvider.System.GetTimestamp();
        Answer answer;
        try
        {
            answer = await load.Client.GenerateAsync(request, arrivals, limit.Token);
        }
        catch (OperationCanceledException)
        {
            if (_end.IsCancellationRequested) return null;
            answer = new(Answer.Timeout, $"no end within {Bounds.TimeoutSeconds} s");
        }

        var (finished, at) = (Now, TimeProvider.System.GetElapsedTime(_begin, sent).TotalSeconds);
        var record = new RequestRecord(planned.Index, due, at, planned.Domain, answer.Status, warmUp, arrivals.First(sent) + at, finished,
            answer.PromptTokens, answer.CompletionTokens ?? arrivals.Count, answer.Finish, answer.Error, answer.ExpertTokens)
        { Gaps = arrivals.Gaps() };
        await KeepAsync(record);
        return record;
    }

    private async Task KeepAsync(RequestRecord record)
    {
        bool gone;
        lock (_gate)
        {
            _records.Add(record);
            load.File?.Add(record); // in the same order
            _tokens += record.CompletionTokens;
            if (!record.Ok) _failed++;
            _unanswered = record.Status is Answer.Unreachable or Answer.CutOff ? _unanswered + 1 : 0;
            gone = _unanswered == GoneAfter;
        }

        if (!gone) return;
        _givenUp = $"the server went away: the last {GoneAfter} requests were answered by nobody; what was measured until then is kept";
        await _issuing.CancelAsync();
    }

    /// <summary>Opens and closes the measured window in time, gives up what is far too late, and tells how far the load is.</summary>
    private async Task WatchAsync()
    {
        try
        {
            for (var reported = 0.0; ; await PauseAsync(0.01, _over.Token))
            {
                _end.Token.ThrowIfCancellationRequested(); // what was measured is kept
                var (over, now) = (_over.IsCancellationRequested, Now);
                if (issuer.Begin(now) is { } from)
                {
                    if (!_window.IsOpen) await _window.OpenAsync(_end.Token);
                    if (over || now >= from + Bounds.Seconds) await _window.CloseAsync(_end.Token);
                    if (!_cutOff && !issuer.IsOver && load.Plan.Arrivals.Concurrency is null
                        && now >= from + Bounds.Seconds + Bounds.LateSeconds)
                    {
                        _cutOff = true;
                        _givenUp ??= $"{Bounds.LateSeconds} s after the measured time, requests due in it were not sent yet: "
                            + "offer less, or give a longer --timeout; what was measured is kept";
                        await _issuing.CancelAsync();
                    }
                }

                if (over) return;
                if (now - reported < 0.5) continue;
                reported = now;
                Report();
            }
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested) { }
    }

    private void Report()
    {
        lock (_gate)
            load.Progress?.Report(new(Now, issuer.From is not null, Volatile.Read(ref _sent), _records.Count, _failed, _tokens));
    }

    // A cancelled pause ends early: the caller looks.
    private static async Task PauseAsync(double seconds, CancellationToken cancellation)
    {
        if (seconds <= 0) return;
        await Task.Delay(TimeSpan.FromSeconds(seconds), cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
