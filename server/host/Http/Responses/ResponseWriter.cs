using Btx.Server.Http.Chat;

namespace Btx.Server.Http.Responses;

/// <summary>Makes one response's events from the pieces of a chat. A response that is not streamed is what the last of them holds, so the
/// two cannot differ.</summary>
internal sealed class ResponseWriter
{
    private static readonly JsonElement s_text = JsonElement.Parse("""{"format":{"type":"text"}}"""), s_list = JsonElement.Parse("[]"),
        s_auto = JsonElement.Parse("\"auto\""), s_object = JsonElement.Parse("{}");

    private readonly ChatRun _run;
    private readonly List<OutputItem> _output = [];
    private readonly StringBuilder _text = new();
    private readonly List<ChatLogProb> _logProbs = [];
    private readonly List<AnswerExperts?> _experts = [];
    private int _unsaidLogProbs, _unsaidExperts; // of tokens that have not been given with a text yet
    private int _events;
    private ResponseObject _response;

    /// <param name="asked">The answer repeats it.</param>
    public ResponseWriter(ChatRun run, ResponseBody asked, string fingerprint, DateTimeOffset created)
    {
        var sampling = run.Request.Asked.Generation.Sampling;
        _run = run;
        _response = new(Id("resp"), created.ToUnixTimeSeconds(), run.Request.Asked.Model, fingerprint)
        {
            Instructions = asked.Instructions,
            MaxOutputTokens = asked.MaxOutputTokens,
            Temperature = sampling.Temperature,
            TopP = sampling.TopP,
            TopLogprobs = asked.TopLogprobs ?? 0,
            Text = asked.Text ?? s_text,
            Tools = asked.Tools ?? s_list,
            ToolChoice = asked.ToolChoice ?? s_auto,
            ParallelToolCalls = asked.ParallelToolCalls ?? true,
            Metadata = asked.Metadata ?? s_object,
            User = asked.User,
        };
    }

    /// <summary>The events in order; the last has the whole response.</summary>
    public async IAsyncEnumerable<ResponseEvent> EventsAsync(IAsyncEnumerable<ChatChoice> pieces)
    {
        await foreach (var piece in pieces)
        {
            if (_events == 0)
            {
                yield return Event("created") with { Response = _response };
                yield return Event("in_progress") with { Response = _response };
            }

            _logProbs.AddRange(piece.Logprobs?.Content ?? []);
            if (piece.Experts is not null) _experts.Add(piece.Experts);
            if (piece.Delta!.Content is { Length: > 0 } text)
                foreach (var e in Text(text)) yield return e;
            foreach (var call in piece.Delta.ToolCalls ?? [])
                foreach (var e in Call(call)) yield return e;
            if (piece.FinishReason is not { } finish) continue;
            if (_output.Count == 0)
                foreach (var e in Begin()) yield return e;
            if (_output is [.., { Status: "in_progress" }])
                foreach (var e in EndItem(finish == "length" ? "incomplete" : "completed")) yield return e;
            yield return End(finish, piece.FinishMessage);
        }
    }

    /// <summary>The last event of a stream that fails.</summary>
    public ResponseEvent Failed(OpenAiError error) => Event("failed") with
    {
        Response = _response with { Status = "failed", Error = new(error.Code ?? "server_error", error.Message), Output = [.. _output] },
    };

    private static string Id(string prefix) => $"{prefix}_{Guid.NewGuid():N}";

    private ResponseEvent Event(string type) => new($"response.{type}") { SequenceNumber = _events++ };

    /// <summary>Of the item that has come last.</summary>
    private ResponseEvent ItemEvent(string type) => Event(type) with { OutputIndex = _output.Count - 1, ItemId = _output[^1].Id };

    private ResponseEvent TextEvent(string type) => ItemEvent(type) with { ContentIndex = 0 };

    private ResponseEvent Added(OutputItem item)
    {
        _output.Add(item);
        return Event("output_item.added") with { OutputIndex = _output.Count - 1, Item = item };
    }

    private IEnumerable<ResponseEvent> Begin()
    {
        yield return Added(new("message", Id("msg"), "in_progress", "assistant", []));
        yield return TextEvent("content_part.added") with { Part = new("", []) };
    }

    private IEnumerable<ResponseEvent> Text(string text)
    {
        if (_output.Count == 0)
            foreach (var e in Begin()) yield return e;
        _text.Append(text);
        yield return TextEvent("output_text.delta") with
        {
            Delta = text,
            Logprobs = _logProbs[_unsaidLogProbs..],
            Experts = AnswerExperts.Join(_experts[_unsaidExperts..]),
        };
        (_unsaidLogProbs, _unsaidExperts) = (_logProbs.Count, _experts.Count);
    }

    /// <param name="part">The beginning of a call, or its arguments.</param>
    private IEnumerable<ResponseEvent> Call(ToolCallPart part)
    {
        if (part.Id is { } id)
        {
            if (_output is [.., { Status: "in_progress" }])
                foreach (var e in EndItem("completed")) yield return e;
            yield return Added(new("function_call", Id("fc"), "in_progress", CallId: id, Name: part.Function.Name, Arguments: ""));
        }

        if (part.Function.Arguments.Length == 0) yield break;
        _output[^1] = _output[^1] with { Arguments = _output[^1].Arguments + part.Function.Arguments };
        yield return ItemEvent("function_call_arguments.delta") with { Delta = part.Function.Arguments };
    }

    private IEnumerable<ResponseEvent> EndItem(string status)
    {
        var item = _output[^1];
        if (item.Type == "message")
        {
            var part = new OutputText(_text.ToString(), [.. _logProbs]);
            yield return TextEvent("output_text.done") with { Text = part.Text, Logprobs = part.Logprobs };
            yield return TextEvent("content_part.done") with { Part = part };
            item = item with { Content = [part] };
        }
        else yield return ItemEvent("function_call_arguments.done") with { Name = item.Name, Arguments = item.Arguments };

        _output[^1] = item with { Status = status };
        yield return Event("output_item.done") with { OutputIndex = _output.Count - 1, Item = _output[^1] };
    }

    private ResponseEvent End(string finish, string? message)
    {
        var status = finish switch { "length" => "incomplete", "removed" or "aborted" => "failed", _ => "completed" };
        _response = _response with
        {
            Status = status,
            Error = status == "failed" ? new(finish, message ?? "a change of the forest ended the answer") : null,
            IncompleteDetails = status == "incomplete" ? new("max_output_tokens") : null,
            Output = [.. _output],
            Usage = ResponseUsage.Of(_run.Usage),
            Experts = AnswerExperts.Join(_experts),
        };
        return Event(status) with { Response = _response };
    }
}
