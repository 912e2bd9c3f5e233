using System.Runtime.CompilerServices;

namespace Btx.Server.Http.Chat;

/// <summary><c>POST /v1/chat/completions</c> in OpenAI's form, streamed or whole.</summary>
internal static class ChatEndpoints
{
    [Needs(Scope.Generate)]
    public static async Task<IResult> CompleteAsync(HttpContext http, InferenceService service, ChatPrompt template, ForestChanges changes,
        TimeProvider time)
    {
        var body = await BodyJson.ReadAsync(http, BodyJson.Requests.ChatBody);
        var request = body.ToRequest(service.Forest, template.Stops);
        var asked = request.Asked;
        var prompt = await PromptAsync(service, template, request, http.RequestAborted);
        service.Reserve(asked.For([prompt], asked.Choices));
        var usage = new UsageCount(prompt.Length);
        var answer = new AnswerWriter<ChatChoice>(asked, usage, HttpEndpoints.Fingerprint(service.Forest, changes), time.GetUtcNow(),
            "chatcmpl", BodyJson.Answers.AnswerChatChoice);
        var pieces = PiecesAsync(service, request, prompt, usage, http.RequestAborted);
        if (asked.Stream)
            return await answer.StreamAsync(http, "chat.completion.chunk", pieces.Where(piece => !piece.IsEmpty));
        var all = await pieces.ToListAsync();
        return answer.Whole("chat.completion",
            [.. all.GroupBy(piece => piece.Index).OrderBy(of => of.Key).Select(of => ChatChoice.Join([.. of]))]);
    }

    /// <summary>The prompt's tokens, once everything about the request holds.</summary>
    private static async Task<int[]> PromptAsync(InferenceService service, ChatPrompt template, ChatRequest request,
        CancellationToken cancellation)
    {
        service.RequireOptions(request.Asked.Generation);
        var prompt = await template.OfAsync(request.Messages, request.Tools, answer: true, cancellation);
        try
        {
            return service.Checked(prompt, request.Asked.Generation);
        }
        catch (RequestRejectedException e) when (e.Problem.Parameter == "prompt")
        {
            throw new RequestRejectedException(e.Problem with { Parameter = "messages" });
        }
    }

    /// <summary>What each token adds to each choice.</summary>
    private static async IAsyncEnumerable<ChatChoice> PiecesAsync(InferenceService service, ChatRequest request, int[] prompt,
        UsageCount usage, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var served = service.Forest;
        var generations = request.Asked.For([prompt], request.Asked.Choices);
        ChatChoices[] choices = [.. generations.Select((_, index) => new ChatChoices(service, request, index))];
        await foreach (var (index, e) in Generations.RunAsync(service, generations, cancellation))
        {
            if (e.Usage is { } used) usage.Add(used, e.Forest ?? served);
            foreach (var piece in choices[index].Of(e, e.Forest ?? served)) yield return piece;
        }
    }
}
