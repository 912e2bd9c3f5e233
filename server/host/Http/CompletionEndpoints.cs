using System.Runtime.CompilerServices;

namespace Btx.Server.Http;

/// <summary><c>POST /v1/completions</c> in OpenAI's form, streamed or whole.</summary>
internal static class CompletionEndpoints
{
    [Needs(Scope.Generate)]
    public static async Task<IResult> CompleteAsync(HttpContext http, InferenceService service, TimeProvider time)
    {
        if (!http.Request.HasJsonContentType())
        {
            await OpenAiError.Invalid("the body's content type is not application/json", status: StatusCodes.Status415UnsupportedMediaType)
                .WriteAsync(http);
            return Results.Empty;
        }

        var cancellation = http.RequestAborted;
        var body = await BodyJson.ReadAsync(http.Request.Body, BodyJson.Requests.CompletionBody, cancellation);
        var request = body.ToRequest(service.Forest);
        var prompt = service.Checked(request.Prompt, request.Generation, request.IsOnlyEcho);
        var choices = new CompletionChoices(service, request);
        var score = request.Echo ? await ScoreAsync(service, request, prompt, cancellation) : null;
        var echo = request.Echo ? choices.Echo(prompt, score) : null;
        var events = request.IsOnlyEcho ? null : service.Generate(request.Generation with { Prompt = prompt }, cancellation);
        var answer = new CompletionAnswer(request, time.GetUtcNow());
        var pieces = Pieces(choices, echo, events, cancellation);
        return await (request.Stream ? answer.StreamAsync(http, pieces) : answer.WholeAsync(pieces));
    }

    /// <summary>The prompt's own score; null where nothing asks for it, or nothing is predicted in one token.</summary>
    private static async Task<ScoreResult?> ScoreAsync(
        InferenceService service, CompletionRequest request, int[] prompt, CancellationToken cancellation)
    {
        if (request.LogProbs is not { } count || prompt.Length == 1) return null;
        var routing = request.Generation.Routing with { Select = Model.Mixing.SelectForm.PerToken };
        return await service.ScoreAsync(new ScoreRequest(prompt, routing) { TopLogProbs = count }, cancellation);
    }

    private static async IAsyncEnumerable<CompletionChoice> Pieces(CompletionChoices choices, CompletionChoice? echo,
        IAsyncEnumerable<TokenEvent>? events, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (echo is not null) yield return echo;
        if (events is null) yield break;
        await foreach (var e in events.WithCancellation(cancellation)) yield return choices.Of(e);
    }
}

/// <summary>Makes a completion's pieces from the engine's events, keeping count of where in the text they lie.</summary>
internal sealed class CompletionChoices(InferenceService service, CompletionRequest request)
{
    private readonly ForestDescription _served = service.Forest;
    private readonly TokenOffsets _offsets = service.Offsets();

    /// <summary>The prompt as the answer's first piece, and its last where nothing is generated.</summary>
    /// <param name="prompt">The tokens that the engine gets.</param>
    /// <param name="score">Null: none was asked for, or there is nothing to predict.</param>
    public CompletionChoice Echo(int[] prompt, ScoreResult? score)
    {
        var logProbs = request.LogProbs is null ? null : new CompletionLogProbs([], [], [], []);
        for (var i = service.StartsWithBos(request.Prompt, prompt) ? 1 : 0; logProbs is not null && i < prompt.Length; i++)
            Add(logProbs, prompt[i], i == 0 ? null : score!.LogProbs[i - 1], i > 0 && score!.Top.Count > 0 ? score.Top[i - 1] : []);
        var text = service.TextOf(request.Prompt);
        return request.IsOnlyEcho ? new(text, logProbs, "length") { Usage = new(prompt.Length, 0) } : new(text, logProbs, null);
    }

    public CompletionChoice Of(TokenEvent e)
    {
        CompletionLogProbs? logProbs = null;
        if (request.LogProbs is not null && e.Token is { } token) Add(logProbs = new([], [], [], []), token, e.LogProb, e.Top);
        var finish = e.Finish switch
        {
            FinishReason.Stop => "stop",
            FinishReason.Length => "length",
            FinishReason.Removed => "removed",
            FinishReason.Aborted => "aborted",
            _ => null,
        };
        return new(e.Text, logProbs, finish)
        {
            Experts = CompletionExperts.Of(e, e.Forest ?? _served),
            FinishMessage = e.Message,
            Usage = e.Usage is { } usage ? new(usage.PromptTokens, usage.CompletionTokens) : null,
        };
    }

    private void Add(CompletionLogProbs logProbs, int token, double? logProb, IReadOnlyList<TokenAlternative> top)
    {
        var name = service.TokenName(token);
        logProbs.Tokens.Add(name);
        logProbs.TokenLogprobs.Add(logProb is { } value ? Finite(value) : null);
        logProbs.TopLogprobs.Add(logProb is null ? null : Named(InferenceService.With(top, token, logProb.Value), token, name));
        logProbs.TextOffset.Add(_offsets.Push(token));
    }

    /// <summary>An entry for each: of two tokens that read alike the one that came has the name, and another is told by its id.</summary>
    private Dictionary<string, double> Named(IReadOnlyList<TokenAlternative> top, int token, string name)
    {
        var named = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (id, logProb) in top)
        {
            var key = id == token ? name : service.TokenName(id);
            if (id != token && key == name || !named.TryAdd(key, Finite(logProb))) named.Add($"token_id:{id}", Finite(logProb));
        }

        return named;
    }

    /// <summary>JSON has no infinity: what is impossible has the number that OpenAI's API has for it.</summary>
    private static double Finite(double logProb) => double.IsFinite(logProb) ? logProb : -9999;
}
