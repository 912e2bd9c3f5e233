using System.Net.ServerSentEvents;
using Btx.Server.Http.Chat;

namespace Btx.Server.Http.Responses;

/// <summary><c>POST /v1/responses</c> in OpenAI's form, streamed or whole: a chat in other words. Nothing is stored.</summary>
internal static class ResponseEndpoints
{
    [Needs(Scope.Generate)]
    public static async Task<IResult> CreateAsync(HttpContext http, InferenceService service, ChatPrompt template, ForestChanges changes,
        TimeProvider time)
    {
        var body = await BodyJson.ReadAsync(http, BodyJson.Requests.ResponseBody);
        var (chat, messages) = body.ToChat();
        var run = await ChatRun.BeginAsync(service, template, chat, messages, ResponseBody.Names, http.RequestAborted);
        var writer = new ResponseWriter(run, body, HttpEndpoints.Fingerprint(service.Forest, changes), time.GetUtcNow());
        var events = writer.EventsAsync(run.PiecesAsync(http.RequestAborted));
        if (body.Stream == true) return await EventStream.AnswerAsync(http, events.Select(Sent), error => Sent(writer.Failed(error)));
        return WholeAnswer.Of((await events.LastAsync()).Response!, BodyJson.Answers.ResponseObject);
    }

    private static SseItem<byte[]> Sent(ResponseEvent e) =>
        new(JsonSerializer.SerializeToUtf8Bytes(e, BodyJson.Answers.ResponseEvent), e.Type);
}
