namespace Btx.Server.Http.Chat;

/// <summary><c>POST /v1/chat/completions</c> in OpenAI's form, streamed or whole.</summary>
internal static class ChatEndpoints
{
    [Needs(Scope.Generate)]
    public static async Task<IResult> CompleteAsync(HttpContext http, InferenceService service, ChatPrompt template, ForestChanges changes,
        TimeProvider time)
    {
        var body = await BodyJson.ReadAsync(http, BodyJson.Requests.ChatBody);
        var run = await ChatRun.BeginAsync(service, template, body, null, [], http.RequestAborted);
        var answer = new AnswerWriter<ChatChoice>(run.Request.Asked, () => run.Usage, HttpEndpoints.Fingerprint(service.Forest, changes),
            time.GetUtcNow(), "chatcmpl", BodyJson.Answers.AnswerChatChoice);
        var pieces = run.PiecesAsync(http.RequestAborted);
        if (run.Request.Asked.Stream) return await answer.StreamAsync(http, "chat.completion.chunk", pieces);
        var all = await pieces.ToListAsync();
        return answer.Whole("chat.completion",
            [.. all.GroupBy(piece => piece.Index).OrderBy(of => of.Key).Select(of => ChatChoice.Join([.. of]))]);
    }
}
