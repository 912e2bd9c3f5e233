using Btx.LoadTests.Doors;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Load;

/// <summary>
/// Sends a plan's requests through a door and records what becomes of them. The clock of a request starts when
/// it is due, whether or not it could be sent then.
/// Requests that are under way when the measured time is over are waited for; their latency counts,
/// their later tokens do not count to the throughput.
/// </summary>
public sealed class LoadRun
{
    private readonly List<RequestRecord> _records = [];
    private readonly Lock _gate = new();
    private RequestIssuer _issue = null!;
    private int _sent, _ended, _failed, _gone;
    private long _tokens, _begin;
    private volatile string? _givenUp;
    private volatile bool _cutOff;
    private volatile Exception? _fault;

    public required IDoor Door { get; init; }

    public required ServedModel Served { get; init; }

    public required LoadPlan Plan { get; init; }

    public required RoutingChoice Routing { get; init; }

    public required LoadBounds Bounds { get; init; }

    /// <summary>0: greedy.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Null: records are kept in memory only.</summary>
    public RecordFile? File { get; init; }

    /// <summary>Null: the server's figures are not read.</summary>
    public ServerMetrics? Metrics { get; init; }

    public IProgress<LoadProgress>? Progress { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>So many requests in a row without a server: it is gone.</summary>
    private int GoneAfter => Plan.Arrivals is ClosedArrivals closed ? Math.Max(20, 2 * closed.Concurrency) : 50;

    /// <summary>Runs once. When <paramref name="stop"/> is cancelled, what was measured until then is the outcome.</summary>
    public async Task<LoadOutcome> RunAsync(CancellationToken stop)
    {
        var bounds = Bounds.Validate();
        using var requests = Plan.Requests().GetEnumerator();
        _issue = new(requests, bounds);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop); // of everything
        using var issuing = CancellationTokenSource.CreateLinkedTokenSource(end.Token); // of sending
        using var window = new MeasuredWindow(Metrics, Time);
        // an idle server's counters are exact
        if (bounds is { WarmUpSeconds: 0, WarmUpRequests: 0 }) await window.OpenAsync(end.Token).ConfigureAwait(false);
        var started = Time.GetUtcNow();
        _begin = Time.GetTimestamp();
        var watch = WatchAsync(window, issuing, end.Token);
        try
        {
            await (Plan.Arrivals is ClosedArrivals closed ? ClosedAsync(closed.Concurrency, issuing, end)
                : OpenAsync(issuing, end)).ConfigureAwait(false);
            if (_fault is { } fault) throw fault;
            if (_issue.DurationMet && _givenUp is null)
                await PauseAsync(_issue.From!.Value + bounds.Seconds!.Value - Now, end.Token).ConfigureAwait(false);
            if (!end.IsCancellationRequested) await window.CloseAsync(end.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // What was measured is kept.
        }
        finally
        {
            await end.CancelAsync().ConfigureAwait(false);
            await watch.ConfigureAwait(false);
        }

        Report();
        var from = _issue.From ?? 0;
        var last = _records.Where(r => !r.WarmUp).Select(r => r.End ?? 0).DefaultIfEmpty(from).Max();
        var to = stop.IsCancellationRequested ? Math.Max(from, last)
            : bounds.Seconds is { } seconds && (_issue.DurationMet || _cutOff) ? from + seconds : last;
        return new()
        {
            Records = _records,
            Started = started,
            From = from,
            To = to,
            Server = window.Figures,
            Stopped = stop.IsCancellationRequested,
            GivenUp = _givenUp,
            ProcessorShare = window.ProcessorShare,
        };
    }

    private double Now => Time.GetElapsedTime(_begin).TotalSeconds;

    private Task ClosedAsync(int concurrency, CancellationTokenSource issuing, CancellationTokenSource end)
    {
        return Task.WhenAll(Enumerable.Range(0, concurrency).Select(_ => Task.Run(ClientAsync)));

        async Task ClientAsync()
        {
            while (!issuing.IsCancellationRequested && _issue.Next(Now) is { } next)
            {
                var record = await SendAsync(next, issuing, end.Token).ConfigureAwait(false);
                // A server that refuses at once would otherwise be asked thousands of times a second.
                if (record is { Ok: false, CompletionTokens: 0 })
                    await PauseAsync(record.Status == DoorAnswer.Unreachable ? 0.05 : 0.01, issuing.Token).ConfigureAwait(false);
            }
        }
    }

    private async Task OpenAsync(CancellationTokenSource issuing, CancellationTokenSource end)
    {
        var free = new SemaphoreSlim(Bounds.MaxInFlight);
        var running = new HashSet<Task>();
        try
        {
            while (!issuing.IsCancellationRequested && _issue.Next(0) is { } next)
            {
                await PauseAsync(next.Due - Now, issuing.Token).ConfigureAwait(false);
                while (Now < next.Due && !issuing.IsCancellationRequested) Thread.Sleep(0); // timers count whole milliseconds
                await free.WaitAsync(issuing.Token).ConfigureAwait(false);
                if (issuing.IsCancellationRequested) break;
                var task = Task.Run(() => SendAsync(next, issuing, end.Token), CancellationToken.None);
                lock (running) running.Add(task);
                _ = task.ContinueWith(
                    t =>
                    {
                        if (t.Exception is { } e) _fault = e.InnerException;
                        if (t.IsFaulted) issuing.Cancel();
                        lock (running) running.Remove(t);
                        free.Release();
                    },
                    CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }
        catch (OperationCanceledException) when (issuing.IsCancellationRequested)
        {
            // What is under way is waited for.
        }

        Task[] left;
        lock (running) left = [.. running];
        await Task.WhenAll(left).ConfigureAwait(false);
    }

    /// <returns>Null: it was cancelled, and nothing is recorded.</returns>
    private async Task<RequestRecord?> SendAsync(RequestIssuer.Ticket ticket, CancellationTokenSource issuing, CancellationToken end)
    {
        var planned = ticket.Request;
        var request = new DoorRequest
        {
            Prompt = planned.Prompt,
            MaxTokens = planned.OutputTokens,
            Routing = Routing.For(planned.Domain, Served),
            Temperature = Temperature,
            Seed = planned.Seed
        };
        var arrivals = new TokenArrivals(Time, planned.OutputTokens);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(end);
        limit.CancelAfter(TimeSpan.FromSeconds(Bounds.TimeoutSeconds));
        Interlocked.Increment(ref _sent);
        var sent = Time.GetTimestamp();
        DoorAnswer answer;
        try
        {
            answer = await Door.GenerateAsync(request, arrivals, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            if (end.IsCancellationRequested) return null;
            answer = new(DoorAnswer.Timeout) { Error = $"no end within {Bounds.TimeoutSeconds} s" };
        }

        var (finished, at) = (Now, Time.GetElapsedTime(_begin, sent).TotalSeconds);
        var record = new RequestRecord
        {
            Index = planned.Index,
            WarmUp = ticket.WarmUp,
            Due = ticket.Due,
            Sent = at,
            FirstToken = arrivals.First(sent) + at,
            End = finished,
            Gaps = arrivals.Gaps(),
            PromptTokens = answer.PromptTokens,
            CompletionTokens = answer.CompletionTokens ?? arrivals.Count,
            Domain = planned.Domain,
            Status = answer.Status,
            Finish = answer.Finish,
            Error = answer.Error,
            ExpertTokens = answer.ExpertTokens,
        };
        await KeepAsync(record, issuing).ConfigureAwait(false);
        return record;
    }

    private async Task KeepAsync(RequestRecord record, CancellationTokenSource issuing)
    {
        bool gone;
        lock (_gate)
        {
            _records.Add(record);
            _ended++;
            _tokens += record.CompletionTokens;
            if (!record.Ok) _failed++;
            _gone = record.Status is DoorAnswer.Unreachable or DoorAnswer.CutOff ? _gone + 1 : 0;
            gone = _gone == GoneAfter;
        }

        File?.Add(record);
        if (!gone) return;
        _givenUp = $"the server went away: the last {GoneAfter} requests were answered by nobody; what was measured until then is kept";
        await issuing.CancelAsync().ConfigureAwait(false);
    }

    /// <summary>Opens and closes the measured window in time, and tells how far the load is.</summary>
    private async Task WatchAsync(MeasuredWindow window, CancellationTokenSource issuing, CancellationToken end)
    {
        var reported = 0.0;
        while (!end.IsCancellationRequested)
        {
            try
            {
                var now = Now;
                if (_issue.Begin(now) is { } from)
                {
                    if (!window.IsOpen) await window.OpenAsync(end).ConfigureAwait(false);
                    if (now >= from + Bounds.Seconds) await window.CloseAsync(end).ConfigureAwait(false);
                    if (!_cutOff && Plan.Arrivals is not ClosedArrivals && now >= from + Bounds.Seconds + Bounds.LateSeconds
                        && !_issue.IsOver)
                        await CutOffAsync(issuing).ConfigureAwait(false);
                }

                if (now - reported >= 0.5)
                {
                    reported = now;
                    Report();
                }

                await Task.Delay(TimeSpan.FromMilliseconds(10), Time, end).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (end.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task CutOffAsync(CancellationTokenSource issuing)
    {
        _cutOff = true;
        _givenUp ??= $"{Bounds.LateSeconds} s after the measured time, requests that were due in it had not been sent yet, and were "
            + "given up: the server is far from keeping up. What was measured is kept, without them; offer less, or give a longer --timeout";
        await issuing.CancelAsync().ConfigureAwait(false);
    }

    private void Report()
    {
        lock (_gate) Progress?.Report(new(Now, _issue.From is not null, Volatile.Read(ref _sent), _ended, _failed, _tokens));
    }

    private async Task PauseAsync(double seconds, CancellationToken cancellation)
    {
        if (seconds <= 0) return;
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(seconds), Time, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The caller looks.
        }
    }
}
