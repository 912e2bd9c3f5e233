using System.Collections.Concurrent;
using Btx.Forest;
using Btx.Model.Registry;

namespace Btx.Server.Changes;

/// <summary>
/// Runs the changes that clients ask for: measures them, and ends them legally when the server shuts down. A change that is not committed
/// by then is given up; one that is gets time to end, and is completed at the next start if that was too short. Thread-safe.
/// </summary>
/// <param name="registry">Null: no forest is served.</param>
internal sealed class ForestChanges(IForestRegistry? registry, ForestMetrics metrics, TimeProvider time) : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<Task, byte> _running = new();

    /// <summary>What is served and what was changed.</summary>
    /// <exception cref="BtxException">No forest is served.</exception>
    public IForestRegistry Registry => registry ?? throw new BtxException("no forest is served here that can be changed: the server runs "
        + "with --read-only, or has only a BTX model; start it with --forest S and without --read-only (list, history and show read a "
        + "served forest without a server: --forest S)")
    {
        Kind = ErrorKind.Precondition,
    };

    /// <summary>Null: no forest is served.</summary>
    public IForestRegistry? RegistryIfServed => registry;

    /// <summary>Fires when the server begins to shut down.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Runs one change.</summary>
    /// <param name="kind">One of <see cref="ChangeKind.Names"/>, for the metrics.</param>
    /// <exception cref="BtxException">It was not made, or not to its end: one clear line.</exception>
    public async Task<ChangeResult> RunAsync(string kind, Func<IProgress<ChangeProgress>, CancellationToken, Task<ChangeResult>> change,
        IProgress<ChangeProgress>? progress, CancellationToken cancellation)
    {
        _ = Registry;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stopping.Token);
        var clock = new PhaseClock(progress, time, (phase, length) => metrics.OnPhase(kind, phase, length));
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _running[ended.Task] = 0;
        try
        {
            if (_stopping.IsCancellationRequested) throw ShuttingDown("not begun", null);
            // its first part may compute
            var result = await Task.Run(() => change(clock, either.Token), CancellationToken.None);
            metrics.OnChange(kind, result.Change.Outcome, result.Swap);
            return result;
        }
        catch (OperationCanceledException e) when (_stopping.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            metrics.OnChange(kind, "cancelled", null);
            throw ShuttingDown("given up; the forest is as it was", e);
        }
        catch (RequestRejectedException e) when (e.Reason == RejectionReason.ShuttingDown)
        {
            metrics.OnChange(kind, "failed", null);
            throw ShuttingDown("ended where it was; history says whether it was committed, and then the next start completes it", e);
        }
        catch (Exception e)
        {
            metrics.OnChange(kind, e is OperationCanceledException ? "cancelled" : "failed", null);
            throw;
        }
        finally
        {
            clock.Stop();
            _running.TryRemove(ended.Task, out _);
            ended.SetResult();
        }
    }

    /// <summary>Takes no more changes, gives up what is not committed, and waits for what is.</summary>
    public async Task StopAsync(CancellationToken deadline)
    {
        await _stopping.CancelAsync();
        await Task.WhenAny(Task.WhenAll(_running.Keys), Task.Delay(Timeout.Infinite, deadline));
    }

    public void Dispose() => _stopping.Dispose();

    private static BtxException ShuttingDown(string outcome, Exception? cause) =>
        new($"the server is shutting down; the change was {outcome}", cause!) { Kind = ErrorKind.Unavailable };
}

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
        Enter(value.Phase);
        next?.Report(value);
    }

    /// <summary>Ends the last phase.</summary>
    public void Stop() => Enter(null);

    private void Enter(string? phase)
    {
        lock (_gate)
        {
            if (phase == _phase) return;
            var now = time.GetTimestamp();
            if (_phase is not null) observe(_phase, time.GetElapsedTime(_since, now));
            (_phase, _since) = (phase, now);
        }
    }
}
