using System.Collections.Concurrent;
using Btx.Forest;
using Btx.Model.Registry;

namespace Btx.Server.Changes;

/// <summary>Runs the changes that clients ask for, measures them, and at a shutdown gives up what is not committed. Thread-safe.</summary>
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
    /// <exception cref="BtxException">It was not made, or not to its end: one clear line.</exception>
    public async Task<ChangeResult> RunAsync(RequestedChange change, IProgress<ChangeProgress>? progress, CancellationToken cancellation)
    {
        var (served, kind) = (Registry, change.Kind);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stopping.Token);
        var (gate, phase, since) = (new Lock(), (string?)null, 0L);
        var clock = new DirectProgress<ChangeProgress>(now =>
        {
            Enter(now.Phase);
            progress?.Report(now);
        });
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _running[ended.Task] = 0;
        try
        {
            if (_stopping.IsCancellationRequested) throw ShuttingDown("not begun", null);
            // its first part may compute
            var result = await Task.Run(() => served.ChangeAsync(change, clock, either.Token), CancellationToken.None);
            metrics.OnChange(kind, result.Change.Outcome, result.Swap);
            return result;
        }
        catch (OperationCanceledException e) when (_stopping.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            metrics.OnChange(kind, "cancelled", null);
            throw ShuttingDown("given up; the forest is as it was", e);
        }
        catch (RequestRejectedException e) when (e.Kind == ErrorKind.Unavailable)
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
            Enter(null);
            _running.TryRemove(ended.Task, out _);
            ended.SetResult();
        }

        void Enter(string? next)
        {
            lock (gate)
            {
                if (next == phase) return;
                if (phase is not null) metrics.OnPhase(kind, phase, time.GetElapsedTime(since));
                (phase, since) = (next, time.GetTimestamp());
            }
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
