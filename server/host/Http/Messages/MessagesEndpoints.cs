using System.Net.ServerSentEvents;
using Btx.Server.Http.Chat;

namespace Btx.Server.Http.Messages;

/// <summary><c>POST /v1/messages</c> in Anthropic's form, streamed or whole: a chat in other words.</summary>
internal static class MessagesEndpoints
{
    private const string Path = "/v1/messages";

    /// <summary>The path of a request is one whose clients expect Anthropic's form, of errors as well.</summary>
    public static bool Serves(HttpContext http) => http.Request.Path.StartsWithSegments(Path);

    [Needs(Scope.Generate)]
    public static async Task<IResult> CreateAsync(HttpContext http, InferenceService service, ChatPrompt template)
    {
        var body = await BodyJson.ReadAsync(http, BodyJson.Requests.MessagesBody);
        var (chat, messages) = body.ToChat();
        var run = await ChatRun.BeginAsync(service, template, chat, messages, MessagesBody.Names, http.RequestAborted);
        var writer = new MessageWriter(run, body.StopSequences ?? []);
        var events = writer.EventsAsync(run.PiecesAsync(http.RequestAborted));
        if (body.Stream == true)
            return await EventStream.AnswerAsync(http, events.Select(e =>
                new SseItem<byte[]>(JsonSerializer.SerializeToUtf8Bytes(e, BodyJson.Answers.MessageEvent), e.Type)),
                error => new(MessageError.Of(error, http), "error"));
        await foreach (var _ in events) continue;
        return WholeAnswer.Of(writer.Answer, BodyJson.Answers.MessageAnswer);
    }

    /// <summary>How many tokens the prompt of a message has.</summary>
    [Needs(Scope.Generate)]
    public static async Task<IResult> CountAsync(HttpContext http, InferenceService service, ChatPrompt template)
    {
        var body = await BodyJson.ReadAsync(http, BodyJson.Requests.MessagesBody);
        return Results.Json(new { input_tokens = await body.CountAsync(service, template, http.RequestAborted) });
    }
}
