using Btx.Server.Http.Chat;

namespace Btx.Server.Http.Messages;

/// <summary>Makes one message's events from the pieces of a chat, and the message that they add up to.</summary>
/// <param name="stops">The client's own.</param>
internal sealed class MessageWriter(ChatRun run, IReadOnlyList<string> stops)
{
    private static readonly JsonElement s_nothing = JsonElement.Parse("{}");
    private readonly string _id = $"msg_{Guid.NewGuid():N}";
    private readonly List<AnswerBlock> _blocks = [];
    private readonly StringBuilder _block = new(); // of the last block: its text, or its input as JSON
    private readonly List<AnswerExperts?> _experts = [];
    private int _unsaidExperts; // of tokens that have not been given with a text yet
    private bool _isOpen;

    /// <summary>Whole once all events were read.</summary>
    public MessageAnswer Answer { get; private set; } = null!;

    /// <exception cref="RequestRejectedException">A change of the forest ended it.</exception>
    public async IAsyncEnumerable<MessageEvent> EventsAsync(IAsyncEnumerable<ChatChoice> pieces)
    {
        await foreach (var piece in pieces)
        {
            if (Answer is null)
            {
                Answer = new(_id, run.Request.Asked.Model, [], null, null, MessageUsage.Of(run.Usage));
                yield return new("message_start") { Message = Answer };
                yield return new("ping");
            }

            if (piece.Experts is not null) _experts.Add(piece.Experts);
            if (piece.Delta!.Content is { Length: > 0 } text)
            {
                if (!_isOpen) yield return Begin(new("text", ""));
                _block.Append(text);
                yield return Delta(new("text_delta", text)) with { Experts = AnswerExperts.Join(_experts[_unsaidExperts..]) };
                _unsaidExperts = _experts.Count;
            }

            foreach (var call in piece.Delta.ToolCalls ?? [])
            {
                if (call.Id is { } id)
                {
                    if (_isOpen) yield return EndBlock();
                    yield return Begin(new("tool_use", Id: id, Name: call.Function.Name, Input: s_nothing));
                }

                if (call.Function.Arguments.Length == 0) continue;
                _block.Append(call.Function.Arguments);
                yield return Delta(new("input_json_delta", PartialJson: call.Function.Arguments));
            }

            if (piece.FinishReason is not { } finish) continue;
            if (finish is "removed" or "aborted")
                throw new RequestRejectedException(finish == "removed" ? ErrorKind.Missing : ErrorKind.Conflict,
                    piece.FinishMessage ?? "a change of the forest ended the answer");
            if (_blocks.Count == 0) yield return Begin(new("text", ""));
            if (_isOpen) yield return EndBlock();
            Answer = Ended(finish, piece.StoppedBy);
            yield return new("message_delta")
            {
                Delta = new EndDelta(Answer.StopReason, Answer.StopSequence),
                Usage = Answer.Usage,
            };
            yield return new("message_stop");
        }
    }

    private MessageEvent Begin(AnswerBlock block)
    {
        _blocks.Add(block);
        _block.Clear();
        _isOpen = true;
        return new("content_block_start") { Index = _blocks.Count - 1, ContentBlock = block };
    }

    private MessageEvent Delta(BlockDelta delta) => new("content_block_delta") { Index = _blocks.Count - 1, Delta = delta };

    private MessageEvent EndBlock()
    {
        var block = _blocks[^1];
        _blocks[^1] = block.Type == "text" ? block with { Text = _block.ToString() }
            : _block.Length == 0 ? block : block with { Input = JsonElement.Parse(_block.ToString()) };
        _isOpen = false;
        return new("content_block_stop") { Index = _blocks.Count - 1 };
    }

    /// <param name="stoppedBy">A stop string of the client's own, or one that the chat's plain form has.</param>
    private MessageAnswer Ended(string finish, string? stoppedBy)
    {
        var own = stoppedBy is not null && stops.Contains(stoppedBy) ? stoppedBy : null;
        var reason = finish switch
        {
            "length" => "max_tokens",
            "tool_calls" => "tool_use",
            _ => own is null ? "end_turn" : "stop_sequence",
        };
        return Answer with
        {
            Content = [.. _blocks],
            StopReason = reason,
            StopSequence = reason == "stop_sequence" ? own : null,
            Usage = MessageUsage.Of(run.Usage),
            Experts = AnswerExperts.Join(_experts),
        };
    }
}
