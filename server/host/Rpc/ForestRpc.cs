using Btx.Forest;

namespace Btx.Server.Rpc;

/// <summary>Administration over gRPC.</summary>
[Needs(Scope.Observe)]
internal sealed class ForestRpc(ForestAdministration forest) : V1.Forest.ForestBase
{
    public override Task<V1.ListExpertsResponse> ListExperts(V1.ListExpertsRequest request, ServerCallContext context) =>
        Task.FromResult(forest.List(MayChange(context)));

    public override Task<V1.ShowExpertResponse> ShowExpert(V1.ShowExpertRequest request, ServerCallContext context) =>
        Task.FromResult(forest.Show(request, MayChange(context)));

    public override Task<V1.ListAveragesResponse> ListAverages(V1.ListAveragesRequest request, ServerCallContext context) =>
        Task.FromResult(forest.Averages());

    public override Task<V1.HistoryResponse> History(V1.HistoryRequest request, ServerCallContext context) =>
        Task.FromResult(forest.History(request));

    public override Task<V1.GetCertificateResponse> GetCertificate(V1.GetCertificateRequest request, ServerCallContext context) =>
        Task.FromResult(forest.Certificate(request));

    public override Task<V1.RemovalPlan> PlanRemoval(V1.PlanRemovalRequest request, ServerCallContext context) =>
        Task.FromResult(forest.Plan(request, MayChange(context)));

    [Needs(Scope.Admin)]
    public override Task<V1.ReplayRecipeResponse> ReplayRecipe(V1.ReplayRecipeRequest request, ServerCallContext context) =>
        Task.FromResult(forest.Replay(request));

    [Needs(Scope.Admin)]
    public override Task AddExpert(V1.AddExpertRequest request, IServerStreamWriter<V1.ChangeUpdate> responseStream,
        ServerCallContext context) => ChangeAsync(ChangeRequests.Addition(request), responseStream, context);

    [Needs(Scope.Admin)]
    public override Task RemoveExpert(V1.RemoveExpertRequest request, IServerStreamWriter<V1.ChangeUpdate> responseStream,
        ServerCallContext context) => ChangeAsync(ChangeRequests.Removal(request), responseStream, context);

    [Needs(Scope.Admin)]
    public override Task Rollback(V1.RollbackRequest request, IServerStreamWriter<V1.ChangeUpdate> responseStream,
        ServerCallContext context) => ChangeAsync(ChangeRequests.Rollback(request), responseStream, context);

    [Needs(Scope.Admin)]
    public override Task CreateAverage(V1.CreateAverageRequest request, IServerStreamWriter<V1.ChangeUpdate> responseStream,
        ServerCallContext context) => ChangeAsync(ChangeRequests.Average(request), responseStream, context);

    [Needs(Scope.Admin)]
    public override Task DropAverage(V1.DropAverageRequest request, IServerStreamWriter<V1.ChangeUpdate> responseStream,
        ServerCallContext context) => ChangeAsync(ChangeRequests.Drop(request), responseStream, context);

    public override Task Watch(V1.WatchRequest request, IServerStreamWriter<V1.ForestEvent> responseStream, ServerCallContext context) =>
        forest.WatchAsync(() => context.WriteResponseHeadersAsync([]), responseStream,
            context.GetHttpContext().RequestServices.GetRequiredService<Caller>().Ended, context.CancellationToken);

    private Task ChangeAsync(RequestedChange change, IServerStreamWriter<V1.ChangeUpdate> stream, ServerCallContext context) =>
        forest.ChangeAsync(change, stream, context.GetHttpContext(), context.CancellationToken);

    private static bool MayChange(ServerCallContext context) => ForestAdministration.MayChange(context.GetHttpContext());
}
