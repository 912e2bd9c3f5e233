using System.Threading.Channels;
using Btx.Forest;
using Updates = Grpc.Core.IServerStreamWriter<Btx.V1.ChangeUpdate>;

namespace Btx.Server.Rpc;

/// <summary>Administration over gRPC: what is served, what was changed, and the changes themselves. Directories of the server are shown
/// to those who may change the forest.</summary>
[Needs(Scope.Observe)]
internal sealed class ForestRpc(ForestChanges changes) : V1.Forest.ForestBase
{
    public override Task<V1.ListExpertsResponse> ListExperts(V1.ListExpertsRequest request, ServerCallContext context) =>
        Task.FromResult(StateMessages.List(Registry.State, Registry.Damage, Registry.KeyFingerprint,
            MayChange(context) ? Registry.ExpertRoots : null));

    public override Task<V1.ShowExpertResponse> ShowExpert(V1.ShowExpertRequest request, ServerCallContext context) =>
        Task.FromResult(StateMessages.Show(Registry.State, Registry.Damage, request.Name, MayChange(context)));

    public override Task<V1.ListAveragesResponse> ListAverages(V1.ListAveragesRequest request, ServerCallContext context) =>
        Task.FromResult(StateMessages.Averages(Registry.State));

    public override Task<V1.HistoryResponse> History(V1.HistoryRequest request, ServerCallContext context) =>
        Task.FromResult(StateMessages.History(Registry.History, request.Limit));

    public override Task<V1.GetCertificateResponse> GetCertificate(V1.GetCertificateRequest request, ServerCallContext context) =>
        Task.FromResult(new V1.GetCertificateResponse
        {
            Certificate = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(Registry.Certificate(request.ChangeId)),
        });

    public override Task<V1.RemovalPlan> PlanRemoval(V1.PlanRemovalRequest request, ServerCallContext context)
    {
        var plan = Registry.Plan(ChangeRequests.Experts(request.Experts), ChangeRequests.Lineage(request.Lineage));
        var message = StateMessages.Plan(plan);
        if (request.Purge && MayChange(context)) message.PurgeRefused = Registry.PurgeObstacle(plan) ?? ""; // it names directories
        return Task.FromResult(message);
    }

    [Needs(Scope.Admin)]
    public override Task<V1.ReplayRecipeResponse> ReplayRecipe(V1.ReplayRecipeRequest request, ServerCallContext context)
    {
        var recipe = Registry.Replay(ChangeRequests.Experts(request.Experts), request.Corpus.NullIfEmpty(),
            request.SeedModel.NullIfEmpty());
        return Task.FromResult(new V1.ReplayRecipeResponse
        {
            Retrained = { recipe.Retrained },
            Clean = { recipe.Clean },
            Script = recipe.Steps.Count == 0 ? "" : recipe.ToScript(),
        });
    }

    [Needs(Scope.Admin)]
    public override Task AddExpert(V1.AddExpertRequest request, Updates responseStream, ServerCallContext context) =>
        Change(context, responseStream, () => ChangeRequests.Addition(request));

    [Needs(Scope.Admin)]
    public override Task RemoveExpert(V1.RemoveExpertRequest request, Updates responseStream, ServerCallContext context) =>
        Change(context, responseStream, () => ChangeRequests.Removal(request));

    [Needs(Scope.Admin)]
    public override Task Rollback(V1.RollbackRequest request, Updates responseStream, ServerCallContext context) =>
        Change(context, responseStream, () => new Rollback { By = ChangeRequests.Author(request.By) });

    [Needs(Scope.Admin)]
    public override Task CreateAverage(V1.CreateAverageRequest request, Updates responseStream, ServerCallContext context) =>
        Change(context, responseStream, () => ChangeRequests.Average(request));

    [Needs(Scope.Admin)]
    public override Task DropAverage(V1.DropAverageRequest request, Updates responseStream, ServerCallContext context) =>
        Change(context, responseStream, () => new AverageRemoval(request.Name) { By = ChangeRequests.Author(request.By) });

    public override async Task Watch(V1.WatchRequest request, IServerStreamWriter<V1.ForestEvent> responseStream, ServerCallContext context)
    {
        var ended = context.GetHttpContext().RequestServices.GetRequiredService<Caller>().Ended;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, changes.Stopping, ended);
        var events = Registry.WatchAsync(either.Token).GetAsyncEnumerator(either.Token);
        await using (events)
        {
            var next = events.MoveNextAsync(); // from here on none is missed
            await context.WriteResponseHeadersAsync([]);
            try
            {
                for (; await next; next = events.MoveNextAsync())
                    await responseStream.WriteAsync(StateMessages.Event(events.Current), context.CancellationToken);
            }
            catch (OperationCanceledException) when (changes.Stopping.IsCancellationRequested
                && !context.CancellationToken.IsCancellationRequested)
            {
            }
            catch (OperationCanceledException) when (ended.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested)
            {
                throw new RpcException(new(StatusCode.Unauthenticated, "the key was revoked, or it has expired, since the call began"));
            }
        }
    }

    private IForestRegistry Registry => changes.Registry;

    private static bool MayChange(ServerCallContext context) => Scopes.Of(context.GetHttpContext().User).HasFlag(Scope.Admin);

    /// <param name="request">Checks and translates what is asked for.</param>
    private async Task Change(ServerCallContext context, Updates stream, Func<RequestedChange> request)
    {
        var updates = new ChangeStream(TimeProvider.System);
        var running = changes.RunAsync(request(), updates, context.CancellationToken);
        await updates.SendAsync(running, stream, context.CancellationToken);
    }
}

/// <summary>Streams a change's progress: a slow client misses some, never the result; one that left ends no committed change.</summary>
internal sealed class ChangeStream(TimeProvider time) : IProgress<ChangeProgress>
{
    private const int Waiting = 64;
    private readonly Channel<V1.ChangeUpdate> _progress = Channel.CreateBounded<V1.ChangeUpdate>(
        new BoundedChannelOptions(Waiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
    private readonly long _began = time.GetTimestamp();

    public void Report(ChangeProgress value) => _progress.Writer.TryWrite(StateMessages.Progress(value, time.GetElapsedTime(_began)));

    /// <summary>Sends the progress of <paramref name="change"/>, which reports here, then its result; throws what it throws.</summary>
    public async Task SendAsync(Task<ChangeResult> change, Updates stream, CancellationToken cancellation)
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
