using System.Text.Json.Nodes;
using Btx.Server.Http.Chat;
using Btx.Server.Http.Messages;
using Btx.Server.Http.Responses;
using Microsoft.AspNetCore.Mvc;

namespace Btx.Server.Http;

/// <summary>Everything under <c>/v1</c>, in OpenAI's form but for <c>/v1/messages</c> (Anthropic's) and <c>/v1/forest</c>.</summary>
internal static class HttpEndpoints
{
    private const int ShownChanges = 100;

    public static void MapHttpEndpoints(this IEndpointRouteBuilder endpoints, RequestLimits limits)
    {
        var v1 = endpoints.MapGroup("/v1").WithMetadata(new RequestSizeLimitAttribute(limits.BodyBytes));
        v1.MapPost("/completions", CompletionEndpoints.CompleteAsync);
        v1.MapPost("/chat/completions", ChatEndpoints.CompleteAsync);
        v1.MapPost("/responses", ResponseEndpoints.CreateAsync);
        v1.MapPost("/messages", MessagesEndpoints.CreateAsync);
        v1.MapPost("/messages/count_tokens", MessagesEndpoints.CountAsync);
        v1.MapPost("/embeddings", [Needs(Scope.Generate)] IResult () => throw RequestRejectedException.For("model",
            "no model here makes embeddings: the exported graphs give the next token's logits and no hidden state; the models generate "
            + "text: POST /v1/completions or /v1/chat/completions"));
        v1.MapGet("/models", [Needs(Scope.Generate | Scope.Observe)] (InferenceService service, ForestChanges changes, Caller caller) =>
        {
            var forest = service.Forest;
            return Results.Json(new
            {
                @object = "list",
                data = ModelId.All(forest).Select(id => ModelId.Parse(id, forest)).Where(id => caller.Reaches(id.Routing, forest))
                    .Select(id => Describe(id, forest, changes)),
            });
        });
        v1.MapGet("/models/{**id}", [Needs(Scope.Generate | Scope.Observe)]
        (string id, InferenceService service, ForestChanges changes) =>
            Results.Json(Describe(service.Model(id), service.Forest, changes)));
        v1.MapGet("/forest", Forest);
        v1.MapForest();
        var texts = endpoints.MapGroup("").WithMetadata(new RequestSizeLimitAttribute(limits.BodyBytes));
        texts.MapPost("/tokenize", TokenizeEndpoints.TokenizeAsync);
        texts.MapPost("/detokenize", TokenizeEndpoints.DetokenizeAsync);
    }

    /// <summary>What an answer was made with: another one for every change of what is served.</summary>
    public static string Fingerprint(ForestDescription forest, ForestChanges changes)
    {
        var hash = forest.ForestSha256.Length > 0 ? forest.ForestSha256 : forest.Moe?.Sha256 ?? "";
        return $"fp_{hash[..Math.Min(hash.Length, 12)]}_{changes.RegistryIfServed?.State.Revision ?? 0}";
    }

    /// <summary>A routing by its name. <c>max_model_len</c>: tokens of prompt and answer together, and <c>parent</c>: what an expert was
    /// mostly branched from, as vLLM names them.</summary>
    private static object Describe(ModelId model, ForestDescription forest, ForestChanges changes) => new
    {
        id = model.Name,
        @object = "model",
        created = forest.LoadedAt.ToUnixTimeSeconds(),
        owned_by = "btx",
        parent = changes.RegistryIfServed?.State.Experts.FirstOrDefault(expert => expert.Name == model.Routing.Expert)?
            .Parents.MaxBy(parent => parent.Weight)?.Name,
        max_model_len = forest.ContextLength,
        routing = new { mode = RoutingNames.Of(model.Routing.Mode), options = RoutingMessages.OptionsOf(model.Routing.Mode) },
    };

    /// <summary>The state that is served, its averages and the last changes.</summary>
    [Needs(Scope.Observe)]
    private static IResult Forest(ForestChanges changes)
    {
        if (changes.RegistryIfServed is not { } registry)
            throw new RequestRejectedException(new("forest",
                "no forest is served here whose state can be shown: only a BTX model, or one with --read-only", ErrorKind.Missing));
        var state = registry.State;
        var shown = new JsonObject
        {
            ["forest"] = MessageJson.Node(StateMessages.List(state, registry.Damage, registry.KeyFingerprint, roots: null)),
            ["averages"] = new JsonArray([.. StateMessages.Averages(state).Averages.Select(MessageJson.Node)]),
            ["changes"] = new JsonArray([.. StateMessages.History(registry.History, ShownChanges).Changes.Select(MessageJson.Node)]),
        };
        return Results.Text(MessageJson.Text(shown, indented: false), "application/json");
    }
}
