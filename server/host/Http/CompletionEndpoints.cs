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
            await new OpenAiError(StatusCodes.Status415UnsupportedMediaType, "the body's content type is not application/json", "invalid_request_error", null, null).WriteAsync(http).ConfigureAwait(false);
            return Results.Empty;
        }

        var cancellation = http.RequestAborted;
        var request = await CompletionRequestReader.ReadAsync(http.Request.Body, service.Forest.Mixture, cancellation).ConfigureAwait(false);
        if (request.MaxTokens == 0 && !request.Echo) throw InvalidRequestException.For("max_tokens", "max_tokens is 0; expected 1 or more, or 0 with echo: true to score the prompt");
        var parts = new CompletionParts(service, request);
        var generation = request.MaxTokens == 0 ? null : service.Generate(request.Generation, cancellation);
        var prompt = request.Echo ? await EchoedAsync(service, request, cancellation).ConfigureAwait(false) : null;
        var answer = new CompletionAnswer(request, time.GetUtcNow());
        if (!request.Stream) return await answer.WholeAsync(Pieces(parts, prompt, generation, cancellation)).ConfigureAwait(false);
        await answer.StreamAsync(http, Pieces(parts, prompt, generation, cancellation)).ConfigureAwait(false);
        return Results.Empty;
    }

    /// <summary>The prompt's own score, if log-probabilities are asked for.</summary>
    private static async Task<TextScore?> EchoedAsync(InferenceService service, CompletionRequest request, CancellationToken cancellation) =>
        request.LogProbs is null
            ? null
            : await service.ScoreAsync(request.Generation.Prompt, request.Generation.Routing with { Select = Model.Mixing.SelectForm.PerToken }, cancellation).ConfigureAwait(false);

    private static async IAsyncEnumerable<CompletionPiece> Pieces(
        CompletionParts parts, TextScore? echoed, Generation? generation, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (parts.Echo(echoed) is { } prompt) yield return prompt with { Usage = generation is null ? CompletionParts.PromptUsage(echoed) : null, FinishReason = generation is null ? "length" : null };
        if (generation is null) yield break;
        await foreach (var e in generation.ReadAsync(cancellation).ConfigureAwait(false)) yield return parts.Of(e);
    }
}
