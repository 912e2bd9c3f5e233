using Btx.Forest;
using Google.Protobuf;

namespace Btx.Server.Http;

/// <summary>The service <c>btx.v1.Forest</c> over HTTP, under <c>/v1/forest</c>: its messages as JSON, with the protos' names of fields.
/// Changes and events are streams: a line of JSON each.</summary>
internal static class ForestEndpoints
{
    public static void MapForest(this IEndpointRouteBuilder v1)
    {
        v1.MapGet("/forest/experts", [Needs(Scope.Observe)] (HttpContext http, ForestAdministration forest) =>
            Json(forest.List(ForestAdministration.MayChange(http))));
        v1.MapGet("/forest/experts/{name}", [Needs(Scope.Observe)] (HttpContext http, string name, ForestAdministration forest) =>
            Json(forest.Show(new() { Name = name }, ForestAdministration.MayChange(http))));
        v1.MapGet("/forest/averages", [Needs(Scope.Observe)] (ForestAdministration forest) => Json(forest.Averages()));
        v1.MapGet("/forest/history", [Needs(Scope.Observe)] (HttpContext http, ForestAdministration forest) =>
            Json(forest.History(new() { Limit = Limit(http.Request.Query) })));
        v1.MapGet("/forest/certificates/{id}", [Needs(Scope.Observe)] (string id, ForestAdministration forest) =>
            Results.Bytes(forest.Certificate(new() { ChangeId = id }).Certificate.ToByteArray(), "application/json"));
        v1.MapGet("/forest/events", [Needs(Scope.Observe)] (HttpContext http, ForestAdministration forest, Caller caller) =>
        {
            var lines = new JsonLines<V1.ForestEvent>(http);
            return lines.RunAsync(cancellation => forest.WatchAsync(lines.BeginAsync, lines, caller.Ended, cancellation));
        });
        v1.MapPost("/forest/removal-plan", [Needs(Scope.Observe)] async (HttpContext http, ForestAdministration forest) =>
            Json(forest.Plan(await ReadAsync<V1.PlanRemovalRequest>(http), ForestAdministration.MayChange(http))));
        v1.MapPost("/forest/replay-recipe", [Needs(Scope.Admin)] async (HttpContext http, ForestAdministration forest) =>
            Json(forest.Replay(await ReadAsync<V1.ReplayRecipeRequest>(http))));
        v1.MapPost("/forest/experts", [Needs(Scope.Admin)] (HttpContext http, ForestAdministration forest) =>
            ChangeAsync<V1.AddExpertRequest>(http, forest, ChangeRequests.Addition));
        v1.MapPost("/forest/experts/remove", [Needs(Scope.Admin)] (HttpContext http, ForestAdministration forest) =>
            ChangeAsync<V1.RemoveExpertRequest>(http, forest, ChangeRequests.Removal));
        v1.MapPost("/forest/rollback", [Needs(Scope.Admin)] (HttpContext http, ForestAdministration forest) =>
            ChangeAsync<V1.RollbackRequest>(http, forest, ChangeRequests.Rollback));
        v1.MapPost("/forest/averages", [Needs(Scope.Admin)] (HttpContext http, ForestAdministration forest) =>
            ChangeAsync<V1.CreateAverageRequest>(http, forest, ChangeRequests.Average));
        v1.MapPost("/forest/averages/drop", [Needs(Scope.Admin)] (HttpContext http, ForestAdministration forest) =>
            ChangeAsync<V1.DropAverageRequest>(http, forest, ChangeRequests.Drop));
    }

    private static async Task ChangeAsync<T>(HttpContext http, ForestAdministration forest, Func<T, RequestedChange> read)
        where T : IMessage<T>, new()
    {
        var change = read(await ReadAsync<T>(http));
        var lines = new JsonLines<V1.ChangeUpdate>(http);
        await lines.RunAsync(cancellation => forest.ChangeAsync(change, lines, http, cancellation));
    }

    private static int Limit(IQueryCollection query)
    {
        if (query.Keys.FirstOrDefault(key => key != "limit") is { } unknown)
            throw RequestRejectedException.For(unknown, $"unknown parameter {BtxException.OneLine(unknown, 100)}; there is limit");
        var given = query["limit"];
        if (given.Count > 1) throw RequestRejectedException.For("limit", "limit is given twice; give it once");
        return given.Count == 0 ? 0
            : int.TryParse(given[0], System.Globalization.NumberStyles.AllowLeadingSign, null, out var limit) ? limit
            : throw RequestRejectedException.For("limit", $"limit is \"{BtxException.OneLine(given[0]!, 100)}\"; expected a whole number");
    }

    private static IResult Json(IMessage message) => Results.Text(MessageJson.Text(message, indented: false), "application/json");

    private static async Task<T> ReadAsync<T>(HttpContext http) where T : IMessage<T>, new()
    {
        var message = MessageJson.Parse<T>(await BodyJson.ReadAsync(http));
        if (NeedsAttribute.Of(http).HasFlag(Scope.Admin)) http.Features.Set(AuditedRequest.Of(message));
        return message;
    }
}

/// <summary>Writes messages as lines of JSON. A refusal before the first has its own status; one that comes later is the last line, as an
/// error has it.</summary>
internal sealed class JsonLines<T>(HttpContext http) : IServerStreamWriter<T> where T : IMessage
{
    public WriteOptions? WriteOptions { get; set; }

    /// <summary>The headers come at once.</summary>
    public Task BeginAsync()
    {
        http.Response.ContentType = "application/jsonl";
        return http.Response.Body.FlushAsync(http.RequestAborted);
    }

    public async Task WriteAsync(T message)
    {
        if (!http.Response.HasStarted) http.Response.ContentType = "application/jsonl";
        await http.Response.WriteAsync(MessageJson.Text(message, indented: false), http.RequestAborted);
        await http.Response.Body.FlushAsync(http.RequestAborted);
    }

    Task IAsyncStreamWriter<T>.WriteAsync(T message, CancellationToken cancellationToken) => WriteAsync(message);

    public async Task RunAsync(Func<CancellationToken, Task> write)
    {
        try
        {
            await write(http.RequestAborted);
        }
        catch (Exception e) when (http.Response.HasStarted && OpenAiError.Of(e, http.RequestAborted) is { } error)
        {
            error.Record(http);
            await http.Response.Body.WriteAsync(error.ToJson(), http.RequestAborted);
            await http.Response.WriteAsync("\n", http.RequestAborted);
        }
    }
}
