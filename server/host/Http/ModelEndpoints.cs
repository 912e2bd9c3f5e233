using Btx.Engine;
using Btx.Server.Requests;

namespace Btx.Server.Http;

/// <summary><c>GET /v1/models</c>: the routings by name. Any id that the completions endpoint takes can be asked for by itself.
/// <c>max_model_len</c>: tokens of prompt and answer together, as vLLM names it.</summary>
internal static class ModelEndpoints
{
    public static void MapModels(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/models", (InferenceService service) =>
        {
            var forest = service.Forest;
            return Results.Json(new { @object = "list", data = ModelId.All(forest).Select(id => Describe(id, forest)) });
        });
        endpoints.MapGet("/models/{**id}", (string id, InferenceService service) =>
        {
            var forest = service.Forest;
            var model = ModelId.Parse(id, forest);
            if (RequestRules.RoutingProblem(model.Routing, forest) is { } problem) throw new InvalidRequestException(problem);
            return Results.Json(Describe(model.Name, forest));
        });
    }

    private static object Describe(string id, ForestDescription forest) =>
        new
        {
            id,
            @object = "model",
            created = forest.LoadedAt.ToUnixTimeSeconds(),
            owned_by = "btx",
            max_model_len = forest.ContextLength
        };
}
