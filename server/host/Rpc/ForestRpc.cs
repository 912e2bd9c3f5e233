using Btx.Forest;
using Btx.Model;
using Btx.Model.Registry;
using Btx.Server.Changes;
using Btx.Server.Requests;
using Grpc.Core;
using V1 = Btx.V1;

namespace Btx.Server.Rpc;

/// <summary>The administration door: what is served, what was changed, and the changes themselves.</summary>
internal sealed class ForestRpc(ForestChanges changes, AdminAccess access) : V1.Forest.ForestBase
{
    public override Task<V1.ListExpertsResponse> ListExperts(V1.ListExpertsRequest request, ServerCallContext context) =>
        Read(registry =>
        StateMessages.List(registry.State, registry.Damage, registry.KeyFingerprint, MayChange(context) ? registry.ExpertRoots : null));

    public override Task<V1.ShowExpertResponse> ShowExpert(V1.ShowExpertRequest request, ServerCallContext context) =>
        Read(registry => StateMessages.Show(registry.State, registry.Damage, request.Name, MayChange(context)));

    public override Task<V1.ListAveragesResponse> ListAverages(V1.ListAveragesRequest request, ServerCallContext context) =>
        Read(registry => StateMessages.Averages(registry.State));

    public override Task<V1.HistoryResponse> History(V1.HistoryRequest request, ServerCallContext context) =>
        Read(registry => StateMessages.History(registry.History, request.Limit));

    public override Task<V1.RemovalPlan> PlanRemoval(V1.PlanRemovalRequest request, ServerCallContext context) =>
        Read(registry =>
        {
            var plan = registry.Plan(ChangeRequests.Experts(request.Experts), ChangeRequests.Lineage(request.Lineage));
            var message = StateMessages.Plan(plan);
            if (request.Purge && MayChange(context)) message.PurgeRefused = registry.PurgeObstacle(plan) ?? ""; // it names directories
            return message;
        });

    public override Task<V1.ReplayRecipeResponse> ReplayRecipe(V1.ReplayRecipeRequest request, ServerCallContext context)
    {
        Require(context); // it names directories of the server
        return Read(registry =>
        {
            var recipe = registry.Replay(ChangeRequests.Experts(request.Experts), ChangeRequests.NullIfEmpty(request.Corpus),
                ChangeRequests.NullIfEmpty(request.SeedModel));
            return new V1.ReplayRecipeResponse
            {
                Retrained = { recipe.Retrained },
                Clean = { recipe.Clean },
                Script = recipe.Steps.Count == 0 ? "" : recipe.ToScript()
            };
        });
    }

    public override Task AddExpert(V1.AddExpertRequest request, IServerStreamWriter<V1.ChangeUpdate> responseStream,
        ServerCallContext context) =>
        Change(context, responseStream, ChangeKind.Add, () => ChangeRequests.Addition(request),
        (registry, addition, progress, cancellation) => registry.AddAsync(addition, progress, cancellation));

    public override Task RemoveExpert(V1.RemoveExpertRequest request, IServerStreamWriter<V1.ChangeUpdate> responseStream,
        ServerCallContext context) =>
        Change(context, responseStream, ChangeKind.Remove, () => ChangeRequests.Removal(request),
        (registry, removal, progress, cancellation) => registry.RemoveAsync(removal, progress, cancellation));

    public override Task Rollback(V1.RollbackRequest request, IServerStreamWriter<V1.ChangeUpdate> responseStream,
        ServerCallContext context) =>
        Change(context, responseStream, ChangeKind.Rollback, () => ChangeRequests.Author(request.By),
        (registry, by, progress, cancellation) => registry.RollbackAsync(by, progress, cancellation));

    public override Task CreateAverage(V1.CreateAverageRequest request, IServerStreamWriter<V1.ChangeUpdate> responseStream,
        ServerCallContext context) =>
        Change(context, responseStream, ChangeKind.Average, () => ChangeRequests.Average(request),
        (registry, creation, progress, cancellation) => registry.CreateAverageAsync(creation, progress, cancellation));

    public override Task DropAverage(V1.DropAverageRequest request, IServerStreamWriter<V1.ChangeUpdate> responseStream,
        ServerCallContext context) =>
        Change(context, responseStream, ChangeKind.DropAverage, () => ChangeRequests.Author(request.By),
        (registry, by, progress, cancellation) => registry.DropAverageAsync(request.Name, by, progress, cancellation));

    public override Task<V1.GetCertificateResponse> GetCertificate(V1.GetCertificateRequest request, ServerCallContext context) =>
        Read(registry => new V1.GetCertificateResponse
        {
            Certificate = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(registry.Certificate(request.ChangeId))
        });

    public override async Task Watch(V1.WatchRequest request, IServerStreamWriter<V1.ForestEvent> responseStream, ServerCallContext context)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, changes.Stopping);
        var events = (await Read(registry => registry).ConfigureAwait(false)).WatchAsync(either.Token).GetAsyncEnumerator(either.Token);
        await using (events.ConfigureAwait(false))
        {
            var next = events.MoveNextAsync(); // from here on none is missed
            await context.WriteResponseHeadersAsync([]).ConfigureAwait(false);
            try
            {
                for (; await next.ConfigureAwait(false); next = events.MoveNextAsync())
                    await responseStream.WriteAsync(StateMessages.Event(events.Current), context.CancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (changes.Stopping.IsCancellationRequested
                && !context.CancellationToken.IsCancellationRequested)
            {
            }
        }
    }

    private bool MayChange(ServerCallContext context) => access.Decide(context.GetHttpContext().Request.Headers) == AdminDecision.Allowed;

    private void Require(ServerCallContext context)
    {
        var (status, message) = access.Decide(context.GetHttpContext().Request.Headers) switch
        {
            AdminDecision.NoKey => (StatusCode.Unauthenticated, "the server's admin key is needed; give its file with --admin-key-file"),
            AdminDecision.WrongKey => (StatusCode.Unauthenticated, "the admin key is not this server's"),
            AdminDecision.ReadOnly => (StatusCode.PermissionDenied,
                "this server takes no changes: it was started without --admin-key-file FILE"),
            AdminDecision.Forwarded => (StatusCode.PermissionDenied,
                "this call came through a proxy, and the server has no admin key to know its sender by; "
                + "start it with --admin-key-file FILE"),
            AdminDecision.ForeignOrigin => (StatusCode.PermissionDenied,
                "this call came from a page of another site, and the server has no admin key; start it with --admin-key-file FILE"),
            _ => (StatusCode.OK, ""),
        };
        if (status != StatusCode.OK) throw new RpcException(new(status, message));
    }

    private Task<T> Read<T>(Func<IForestRegistry, T> read)
    {
        try
        {
            return Task.FromResult(read(changes.Registry));
        }
        catch (BtxException e)
        {
            throw Status(e);
        }
    }

    private async Task Change<T>(
        ServerCallContext context, IServerStreamWriter<V1.ChangeUpdate> stream, string kind, Func<T> request,
        Func<IForestRegistry, T, IProgress<ChangeProgress>, CancellationToken, Task<ChangeResult>> change)
    {
        Require(context);
        var asked = request();
        var updates = new ChangeStream(TimeProvider.System);
        try
        {
            var running = changes.RunAsync(kind, (registry, progress, cancellation) => change(registry, asked, progress, cancellation),
                updates, context.CancellationToken);
            await updates.SendAsync(running, stream, context.CancellationToken).ConfigureAwait(false);
        }
        catch (BtxException e)
        {
            throw Status(e);
        }
    }

    private static RpcException Status(BtxException e) => new(new(Rejection.Of(e)!.Status.Grpc, e.Message));
}
