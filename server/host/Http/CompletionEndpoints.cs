using System.Runtime.CompilerServices;
using Btx.Engine.Requests;
using Btx.Server.Requests;

namespace Btx.Server.Http;

/// <summary><c>POST /v1/completions</c> in OpenAI's form, streamed or whole.</summary>
internal static class CompletionEndpoints
{
    public static void MapCompletions(this IEndpointRouteBuilder endpoints) => endpoints.MapPost("/completions", CompleteAsync);

    private static async Task<IResult> CompleteAsync(HttpContext http, InferenceService service, TimeProvider time)
    {
        if (!http.Request.HasJsonContentType())
        {
            await new OpenAiError(StatusCodes.Status415UnsupportedMediaType, "the body's content type is not application/json",
                "invalid_request_error", null, null).WriteAsync(http).ConfigureAwait(false);
            return Results.Empty;
        }

        var cancellation = http.RequestAborted;
        var request = await CompletionRequestReader.ReadAsync(http.Request.Body, service.Forest, cancellation).ConfigureAwait(false);
        var prompt = service.Checked(request.Prompt, request.Generation, request.IsOnlyEcho);
        var parts = new CompletionParts(service, request);
        var echo = request.Echo ? parts.Echo(prompt, await ScoreAsync(service, request, prompt, cancellation).ConfigureAwait(false)) : null;
        var generation = request.IsOnlyEcho ? null : service.Generate(request.Generation with { Prompt = prompt }, cancellation);
        var answer = new CompletionAnswer(request, time.GetUtcNow());
        if (!request.Stream) return await answer.WholeAsync(Pieces(parts, echo, generation, cancellation)).ConfigureAwait(false);
        await answer.StreamAsync(http, Pieces(parts, echo, generation, cancellation)).ConfigureAwait(false);
        return Results.Empty;
    }

    /// <summary>The prompt's own score; null where nothing asks for it, or nothing is predicted in one token.</summary>
    private static async Task<ScoreResult?> ScoreAsync(
        InferenceService service, CompletionRequest request, int[] prompt, CancellationToken cancellation)
    {
        if (request.LogProbs is not { } count || prompt.Length == 1) return null;
        var routing = request.Generation.Routing with { Select = Model.Mixing.SelectForm.PerToken };
        return await service.ScoreAsync(new ScoreRequest(prompt, routing) { TopLogProbs = count }, cancellation).ConfigureAwait(false);
    }

    private static async IAsyncEnumerable<CompletionPiece> Pieces(
        CompletionParts parts, CompletionPiece? echo, Generation? generation, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (echo is not null) yield return echo;
        if (generation is null) yield break;
        await foreach (var e in generation.ReadAsync(cancellation).ConfigureAwait(false)) yield return parts.Of(e);
    }
}
