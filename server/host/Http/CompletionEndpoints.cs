using System.Runtime.CompilerServices;

namespace Btx.Server.Http;

/// <summary><c>POST /v1/completions</c> in OpenAI's form, streamed or whole.</summary>
internal static class CompletionEndpoints
{
    private const string Kind = "text_completion";

    [Needs(Scope.Generate)]
    public static async Task<IResult> CompleteAsync(HttpContext http, InferenceService service, ForestChanges changes, TimeProvider time)
    {
        var body = await BodyJson.ReadAsync(http, BodyJson.Requests.CompletionBody);
        var (request, prompts) = await CheckedAsync(service, body, http.RequestAborted);
        var asked = request.Asked;
        ScoreRequest?[] scores = [.. prompts.Select(prompt => ScoreOf(request, prompt))];
        var usage = new UsageCount(prompts.Sum(prompt => prompt.Length));
        var answer = new AnswerWriter<CompletionChoice>(asked, () => usage.Total, HttpEndpoints.Fingerprint(service.Forest, changes),
            time.GetUtcNow(), "cmpl", BodyJson.Answers.AnswerCompletionChoice);
        var pieces = PiecesAsync(service, request, prompts, scores, usage, http.RequestAborted);
        if (asked.Stream)
            return await answer.StreamAsync(http, Kind, pieces.Where(piece => !piece.IsEmpty));
        var all = await pieces.ToListAsync();
        return answer.Whole(Kind, [.. Best(all.GroupBy(piece => piece.Index).Select(of => CompletionChoice.Join([.. of])), request)]);
    }

    /// <summary>What is asked for, checked and reserved, and the prompts' tokens.</summary>
    private static async Task<(CompletionRequest Request, int[][] Prompts)> CheckedAsync(InferenceService service, CompletionBody body,
        CancellationToken cancellation)
    {
        try
        {
            var request = await SchemaReading.ReadAsync(() => body.ToRequest(service.Forest),
                () => service.Model(body.Model!, body.Routing), cancellation);
            var generation = request.Asked.Generation;
            int[][] prompts = [.. request.Prompts.Select(prompt => service.Checked(prompt, generation, request.IsOnlyEcho))];
            service.Reserve(request.IsOnlyEcho ? [] : request.Asked.For(prompts, request.Candidates),
                prompts.Select(prompt => ScoreOf(request, prompt)).OfType<ScoreRequest>());
            return (request, prompts);
        }
        catch (RequestRejectedException e)
        {
            throw new RequestRejectedException(FieldNames.In(e.Problem, body.RoutingNames));
        }
    }

    /// <summary>Of each prompt's candidates those whose tokens are the most probable, in the order of their number.</summary>
    private static IEnumerable<CompletionChoice> Best(IEnumerable<CompletionChoice> candidates, CompletionRequest request) =>
        candidates.OrderBy(candidate => candidate.Index).Chunk(request.Candidates)
            .SelectMany(of => request.Candidates == request.Asked.Choices ? of
                : of.OrderByDescending(candidate => candidate.LogProb).Take(request.Asked.Choices))
            .Select((choice, index) => choice with { Index = index });

    /// <summary>What each token adds to each choice; first the prompts, if they are to be repeated.</summary>
    private static async IAsyncEnumerable<CompletionChoice> PiecesAsync(InferenceService service, CompletionRequest request,
        int[][] prompts, ScoreRequest?[] scores, UsageCount usage, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var served = service.Forest;
        var generations = request.Asked.For(prompts, request.Candidates);
        CompletionChoices[] choices = [.. generations.Select((_, index) => new CompletionChoices(service, request, index))];
        for (var p = 0; request.Echo && p < prompts.Length; p++)
        {
            var score = scores[p] is { } asked ? await service.ScoreAsync(asked, cancellation) : null;
            for (var i = p * request.Candidates; i < (p + 1) * request.Candidates; i++)
                yield return choices[i].Echo(request.Prompts[p], prompts[p], score);
        }

        if (request.IsOnlyEcho) yield break;
        await foreach (var (index, e) in Generations.RunAsync(service, generations, cancellation))
        {
            if (e.Usage is { } used) usage.Add(used, e.Forest ?? served);
            yield return choices[index].Of(e, e.Forest ?? served);
        }
    }

    /// <summary>The prompt's own score; null where nothing asks for it, or nothing is predicted in one token.</summary>
    private static ScoreRequest? ScoreOf(CompletionRequest request, int[] prompt)
    {
        if (!request.Echo || request.Asked.LogProbs is not { } count || prompt.Length == 1) return null;
        var routing = request.Asked.Generation.Routing with { Select = Model.Mixing.SelectForm.PerToken };
        return new ScoreRequest(prompt, routing) { TopLogProbs = count };
    }
}
