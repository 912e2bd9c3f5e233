using System.Runtime.CompilerServices;
using Btx.Model;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Rpc;

/// <summary>The forest of a running server: what is served, what was changed, and changes. Refusals are
/// <see cref="BtxException"/>, as everywhere below.</summary>
internal sealed class RemoteForest : IDisposable
{
    private readonly RemoteServer _server;
    private readonly V1.Forest.ForestClient _client;
    private readonly Metadata _headers = [];

    /// <param name="address">ADDRESS:PORT, or an http or https URL.</param>
    /// <param name="adminKey">Null: none is sent.</param>
    /// <param name="patience">See <see cref="RemoteServer.Patience"/>.</param>
    /// <param name="option">What named the address, for messages.</param>
    /// <exception cref="BtxException">The address cannot be read.</exception>
    public RemoteForest(string address, string? adminKey, TimeSpan? patience = null, string option = "--server")
    {
        const string Remedy = "start one with `btx serve --forest S`; list, history and show read a served forest without one: --forest S";
        _server = new(option, address, Remedy, patience);
        _client = new(_server.Channel);
        if (adminKey is not null) _headers.Add("authorization", $"Bearer {adminKey}");
    }

    /// <summary>Whether the server runs on this machine, so that both mean the same by a path.</summary>
    public bool IsLoopback => _server.IsLoopback;

    public Task<ListExpertsResponse> ListExpertsAsync(CancellationToken cancellation) =>
        Try(() => _client.ListExpertsAsync(new(), _headers, _server.Deadline, cancellation), cancellation);

    public Task<ShowExpertResponse> ShowExpertAsync(string name, CancellationToken cancellation) =>
        Try(() => _client.ShowExpertAsync(new() { Name = name }, _headers, _server.Deadline, cancellation), cancellation);

    public Task<ListAveragesResponse> ListAveragesAsync(CancellationToken cancellation) =>
        Try(() => _client.ListAveragesAsync(new(), _headers, _server.Deadline, cancellation), cancellation);

    public Task<HistoryResponse> HistoryAsync(int limit, CancellationToken cancellation) =>
        Try(() => _client.HistoryAsync(new() { Limit = limit }, _headers, _server.Deadline, cancellation), cancellation);

    public Task<RemovalPlan> PlanRemovalAsync(PlanRemovalRequest request, CancellationToken cancellation) =>
        Try(() => _client.PlanRemovalAsync(request, _headers, _server.Deadline, cancellation), cancellation);

    public Task<ReplayRecipeResponse> ReplayRecipeAsync(ReplayRecipeRequest request, CancellationToken cancellation) =>
        Try(() => _client.ReplayRecipeAsync(request, _headers, _server.Deadline, cancellation), cancellation);

    public Task<GetCertificateResponse> GetCertificateAsync(string changeId, CancellationToken cancellation) =>
        Try(() => _client.GetCertificateAsync(new() { ChangeId = changeId }, _headers, _server.Deadline, cancellation), cancellation);

    public IAsyncEnumerable<ChangeUpdate> AddExpertAsync(AddExpertRequest request, CancellationToken cancellation) =>
        Stream(() => _client.AddExpert(request, _headers, cancellationToken: cancellation), cancellation);

    public IAsyncEnumerable<ChangeUpdate> RemoveExpertAsync(RemoveExpertRequest request, CancellationToken cancellation) =>
        Stream(() => _client.RemoveExpert(request, _headers, cancellationToken: cancellation), cancellation);

    public IAsyncEnumerable<ChangeUpdate> RollbackAsync(RollbackRequest request, CancellationToken cancellation) =>
        Stream(() => _client.Rollback(request, _headers, cancellationToken: cancellation), cancellation);

    public IAsyncEnumerable<ChangeUpdate> CreateAverageAsync(CreateAverageRequest request, CancellationToken cancellation) =>
        Stream(() => _client.CreateAverage(request, _headers, cancellationToken: cancellation), cancellation);

    public IAsyncEnumerable<ChangeUpdate> DropAverageAsync(DropAverageRequest request, CancellationToken cancellation) =>
        Stream(() => _client.DropAverage(request, _headers, cancellationToken: cancellation), cancellation);

    public IAsyncEnumerable<ForestEvent> WatchAsync(CancellationToken cancellation) =>
        Stream(() => _client.Watch(new(), _headers, cancellationToken: cancellation), cancellation, headersFirst: true);

    public void Dispose() => _server.Dispose();

    private Task<T> Try<T>(Func<AsyncUnaryCall<T>> call, CancellationToken cancellation) =>
        _server.Try(async () => await call().ConfigureAwait(false), cancellation);

    private async IAsyncEnumerable<T> Stream<T>(Func<AsyncServerStreamingCall<T>> start,
        [EnumeratorCancellation] CancellationToken cancellation, bool headersFirst = false)
    {
        using var call = start();
        if (headersFirst) await _server.HeadersAsync(call.ResponseHeadersAsync, cancellation).ConfigureAwait(false);
        while (await _server.Try(() => call.ResponseStream.MoveNext(cancellation), cancellation).ConfigureAwait(false))
            yield return call.ResponseStream.Current;
    }
}
