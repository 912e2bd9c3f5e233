using System.Text.Json.Serialization;

namespace Btx.Server.Http.Chat;

/// <summary>An answer of a chat (<see cref="Message"/>), or what is added to it in a stream (<see cref="Delta"/>).</summary>
/// <param name="FinishReason">As of a completion, and <c>tool_calls</c>.</param>
internal sealed record ChatChoice(int Index,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ChatDelta? Delta,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ChatReply? Message,
    ChatLogProbs? Logprobs, string? FinishReason)
{
    /// <summary>Null unless asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerExperts? Experts { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? FinishMessage { get; init; }

    /// <summary>With the finish reason: the stop string that ended the text; null: none did.</summary>
    [JsonIgnore]
    public string? StoppedBy { get; init; }

    /// <summary>Says nothing, and is not sent.</summary>
    [JsonIgnore]
    public bool IsEmpty =>
        this is { Delta: { Role: null, Content: null, ToolCalls: null }, Logprobs: null, Experts: null, FinishReason: null };

    /// <summary>The whole answer.</summary>
    /// <param name="pieces">Its own, at least one.</param>
    public static ChatChoice Join(IReadOnlyList<ChatChoice> pieces)
    {
        var calls = pieces.SelectMany(piece => piece.Delta?.ToolCalls ?? []).GroupBy(call => call.Index).Select(parts => parts.First() with
        {
            Index = null,
            Function = new(parts.First().Function.Name, string.Concat(parts.Select(part => part.Function.Arguments))),
        }).ToList();
        var text = string.Concat(pieces.Select(piece => piece.Delta?.Content));
        var logProbs = pieces.SelectMany(piece => piece.Logprobs?.Content ?? []).ToList();
        return pieces[^1] with
        {
            Delta = null,
            Message = new("assistant", calls.Count > 0 ? null : text, null, calls.Count > 0 ? calls : null),
            Logprobs = logProbs.Count > 0 ? new(logProbs) : null,
            Experts = AnswerExperts.Join(pieces.Select(piece => piece.Experts)),
        };
    }
}

/// <param name="Refusal">Always null.</param>
internal sealed record ChatReply(string Role, string? Content, string? Refusal,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ToolCallPart>? ToolCalls);

internal sealed record ChatDelta(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Role = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Content = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ToolCallPart>? ToolCalls = null);

/// <summary>A call, or a part of one; the parts of its arguments make a whole together.</summary>
/// <param name="Index">Among the calls of the answer; null in a whole answer.</param>
internal sealed record ToolCallPart(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Index,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Id,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Type, ToolCallPart.Called Function)
{
    internal sealed record Called(
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Name, string Arguments);
}

/// <param name="Content">One entry for each token that was generated.</param>
/// <param name="Refusal">Always null.</param>
internal sealed record ChatLogProbs(IReadOnlyList<ChatLogProb> Content, string? Refusal = null);

/// <param name="Bytes">Of the token, which may be a part of a character.</param>
/// <param name="TopLogprobs">Null within another entry's list.</param>
internal sealed record ChatLogProb(string Token, double Logprob, IReadOnlyList<int> Bytes,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ChatLogProb>? TopLogprobs = null);

/// <summary>Makes one choice's pieces from the engine's events.</summary>
internal sealed class ChatChoices(InferenceService service, ChatRequest request, int index)
{
    private readonly CallReader _calls = new(request.Callable);
    private bool _begun;

    /// <param name="served">The forest that the request began with.</param>
    public IEnumerable<ChatChoice> Of(TokenEvent e, ForestDescription served)
    {
        if (!_begun) yield return Piece(new("assistant", ""));
        _begun = true;
        var text = _calls.Push(e.Text);
        var experts = AnswerExperts.Of(e, served);
        var logProbs = request.Asked.LogProbs is null || e.Token is not { } token ? null
            : new ChatLogProbs([LogProb(token, e.LogProb, [.. e.Top.Select(one => LogProb(one.Token, one.LogProb))])]);
        if (FinishReasons.Of(e) is not { } finish)
        {
            yield return Piece(new(Content: text.Length > 0 ? text : null)) with { Logprobs = logProbs, Experts = experts };
            yield break;
        }

        var (rest, calls) = _calls.Finish();
        if ((text += rest).Length > 0 || logProbs is not null || experts is not null)
            yield return Piece(new(Content: text.Length > 0 ? text : null)) with { Logprobs = logProbs, Experts = experts };
        foreach (var (i, call) in calls.Index())
        {
            yield return Piece(new(ToolCalls: [new(i, call.Id, "function", new(call.Name, ""))]));
            yield return Piece(new(ToolCalls: [new(i, null, null, new(null, call.Arguments))]));
        }

        yield return Piece(new()) with
        {
            FinishReason = calls.Count > 0 ? "tool_calls" : finish,
            FinishMessage = e.Message,
            StoppedBy = e.StoppedBy,
        };
    }

    private ChatChoice Piece(ChatDelta delta) => new(index, delta, null, null, null);

    private ChatLogProb LogProb(int token, double logProb, IReadOnlyList<ChatLogProb>? top = null) =>
        new(service.TokenName(token), LogProbs.Finite(logProb), [.. service.TokenBytes(token).ToArray().Select(b => (int)b)], top);
}
