using System.Threading.Channels;
using Btx.Forest;

namespace Btx.Server.Rpc;

/// <summary>Administration in terms of its messages, for both protocols: what is served, what was changed, and the changes themselves.
/// Directories of the server are shown to those who may change the forest.</summary>
internal sealed class ForestAdministration(ForestChanges changes)
{
    public static bool MayChange(HttpContext http) => Scopes.Of(http.User).HasFlag(Scope.Admin);

    public V1.ListExpertsResponse List(bool mayChange) =>
        StateMessages.List(Registry.State, Registry.Damage, Registry.KeyFingerprint, mayChange ? Registry.ExpertRoots : null);

    public V1.ShowExpertResponse Show(V1.ShowExpertRequest request, bool mayChange) =>
        StateMessages.Show(Registry.State, Registry.Damage, ChangeRequests.Needed("name", request.Name), mayChange);

    public V1.ListAveragesResponse Averages() => StateMessages.Averages(Registry.State);

    public V1.HistoryResponse History(V1.HistoryRequest request) => request.Limit >= 0
        ? StateMessages.History(Registry.History, request.Limit)
        : throw RequestRejectedException.For("limit", $"limit is {request.Limit}; expected 0 (all changes) or more");

    public V1.GetCertificateResponse Certificate(V1.GetCertificateRequest request)
    {
        var certificate = Registry.Certificate(ChangeRequests.Needed("change_id", request.ChangeId));
        return new() { Certificate = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(certificate) };
    }

    public V1.RemovalPlan Plan(V1.PlanRemovalRequest request, bool mayChange)
    {
        var plan = Registry.Plan(ChangeRequests.Experts(request.Experts), ChangeRequests.Lineage(request.Lineage));
        var message = StateMessages.Plan(plan);
        if (Registry.MoeFate(plan, request.DropMoe) is { } moe)
        {
            message.Moe = moe.Outcome;
            message.MoeRefused = mayChange ? moe.Obstacle ?? "" : "";
        }

        if (request.Purge && mayChange) message.PurgeRefused = Registry.PurgeObstacle(plan) ?? ""; // it names directories
        return message;
    }

    public V1.ReplayRecipeResponse Replay(V1.ReplayRecipeRequest request)
    {
        var recipe = Registry.Replay(ChangeRequests.Experts(request.Experts), request.Corpus.NullIfEmpty(),
            request.SeedModel.NullIfEmpty());
        return new()
        {
            Retrained = { recipe.Retrained },
            Clean = { recipe.Clean },
            Script = recipe.Steps.Count == 0 ? "" : recipe.ToScript(),
        };
    }

    /// <summary>Makes a change and streams its progress, then its result.</summary>
    /// <param name="http">The call: what became of the change is left with it.</param>
    public async Task ChangeAsync(RequestedChange change, IServerStreamWriter<V1.ChangeUpdate> stream, HttpContext http,
        CancellationToken cancellation)
    {
        var updates = new ChangeStream(TimeProvider.System);
        try
        {
            await updates.SendAsync(changes.RunAsync(change, updates, cancellation), stream, cancellation);
        }
        finally
        {
            if (updates.ChangeId is { } id && Registry.History.LastOrDefault(one => one.Id == id) is { } record)
                http.Features.Set(new AuditedChange(id, record.Outcome));
        }
    }

    /// <summary>Streams every event until the call or the server ends.</summary>
    /// <param name="begun">Called once none is missed any more.</param>
    /// <param name="keyEnded">The caller's key is good no more.</param>
    public async Task WatchAsync(Func<Task> begun, IServerStreamWriter<V1.ForestEvent> stream, CancellationToken keyEnded,
        CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, changes.Stopping, keyEnded);
        var events = Registry.WatchAsync(either.Token).GetAsyncEnumerator(either.Token);
        await using (events)
        {
            var next = events.MoveNextAsync();
            await begun();
            try
            {
                for (; await next; next = events.MoveNextAsync())
                    await stream.WriteAsync(StateMessages.Event(events.Current), cancellation);
            }
            catch (OperationCanceledException) when (changes.Stopping.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
            }
            catch (OperationCanceledException) when (keyEnded.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                throw ErrorDetails.Of(StatusCode.Unauthenticated, "the key was revoked, or it has expired, since the call began",
                    "invalid_api_key").ToRpcException();
            }
        }
    }

    private IForestRegistry Registry => changes.Registry;
}

/// <summary>Streams a change's progress: a slow client misses some, never the result; one that left ends no committed change.</summary>
internal sealed class ChangeStream(TimeProvider time) : IProgress<ChangeProgress>
{
    private const int Waiting = 64;
    private readonly Channel<V1.ChangeUpdate> _progress = Channel.CreateBounded<V1.ChangeUpdate>(
        new BoundedChannelOptions(Waiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
    private readonly long _began = time.GetTimestamp();

    /// <summary>Null: it was not begun.</summary>
    public string? ChangeId { get; private set; }

    public void Report(ChangeProgress value)
    {
        ChangeId = value.ChangeId ?? ChangeId;
        _progress.Writer.TryWrite(StateMessages.Progress(value, time.GetElapsedTime(_began)));
    }

    /// <summary>Sends the progress of <paramref name="change"/>, which reports here, then its result; throws what it throws.</summary>
    public async Task SendAsync(Task<ChangeResult> change, IServerStreamWriter<V1.ChangeUpdate> stream, CancellationToken cancellation)
    {
        _ = change.ContinueWith(_ => _progress.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        try
        {
            await foreach (var progress in _progress.Reader.ReadAllAsync(CancellationToken.None))
                await stream.WriteAsync(progress, cancellation);
        }
        catch (Exception e) when (e is OperationCanceledException or InvalidOperationException or IOException or RpcException)
        {
            // Nobody listens any more: the change itself says how it ended.
        }

        var result = await change;
        await stream.WriteAsync(StateMessages.Result(result), cancellation);
    }
}
