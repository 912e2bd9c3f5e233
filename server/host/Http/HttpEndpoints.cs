using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Mvc;

namespace Btx.Server.Http;

/// <summary>Everything under <c>/v1</c>, in OpenAI's form but for <c>/v1/forest</c>.</summary>
internal static class HttpEndpoints
{
    private const int ShownChanges = 100;

    /// <summary>HEAD is answered as GET is, without the body, which the HTTP layer leaves out.</summary>
    public static void UseHeadAsGet(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        if (HttpMethods.IsHead(http.Request.Method)) http.Request.Method = HttpMethods.Get;
        return next(http);
    });

    /// <summary>A body that its client compressed is decompressed, within the limit of its endpoint; after routing.</summary>
    public static void UseEncodedBodies(this IApplicationBuilder app)
    {
        app.UseRequestDecompression(); // takes the header away with the encoding, and leaves what it does not know as it is
        app.Use((http, next) => http.Request.Headers.ContentEncoding is [] or ["identity"]
            ? next(http)
            : OpenAiError.Invalid("the body's content-encoding is not taken; send it plain, or as gzip, br or deflate",
                status: StatusCodes.Status415UnsupportedMediaType).WriteAsync(http));
    }

    public static void MapHttpEndpoints(this IEndpointRouteBuilder endpoints, RequestLimits limits)
    {
        var v1 = endpoints.MapGroup("/v1").WithMetadata(new RequestSizeLimitAttribute(limits.BodyBytes));
        v1.MapPost("/completions", CompletionEndpoints.CompleteAsync);
        v1.MapGet("/models", [Needs(Scope.Generate | Scope.Observe)] (InferenceService service, Caller caller) =>
        {
            var forest = service.Forest;
            var reached = ModelId.All(forest).Where(id => caller.Reaches(ModelId.Parse(id, forest).Routing, forest));
            return Results.Json(new { @object = "list", data = reached.Select(id => Describe(id, forest)) });
        });
        v1.MapGet("/models/{**id}", [Needs(Scope.Generate | Scope.Observe)] (string id, InferenceService service, Caller caller) =>
        {
            var forest = service.Forest;
            var model = ModelId.Parse(id, forest);
            caller.Require(model.Routing, forest);
            var generation = new GenerationRequest { Prompt = [], Routing = model.Routing };
            if (RequestRules.OptionsProblem(generation, forest) is { } problem) throw new RequestRejectedException(problem);
            return Results.Json(Describe(model.Name, forest));
        });
        v1.MapGet("/forest", Forest);
    }

    /// <summary>A routing by its name. <c>max_model_len</c>: tokens of prompt and answer together, as vLLM names it.</summary>
    private static object Describe(string id, ForestDescription forest)
    {
        var created = forest.LoadedAt.ToUnixTimeSeconds();
        return new { id, @object = "model", created, owned_by = "btx", max_model_len = forest.ContextLength };
    }

    /// <summary>The state that is served, its averages and the last changes. Reading only: changes are made over gRPC.</summary>
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
