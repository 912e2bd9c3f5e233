namespace Btx.Engine;

/// <summary>The rules of <see cref="RequestRules"/> on what a request asks of the tokens that come.</summary>
internal static class ConstraintRules
{
    public const int MaxBiased = 300;
    public const int MaxStopTokens = 64;

    public static RequestProblem? Problem(GenerationRequest request, ForestDescription forest)
    {
        var s = request.Sampling;
        if (!(s.PresencePenalty is >= -2 and <= 2))
            return new("presence_penalty", $"presence_penalty is {s.PresencePenalty}; expected -2..2");
        if (!(s.FrequencyPenalty is >= -2 and <= 2))
            return new("frequency_penalty", $"frequency_penalty is {s.FrequencyPenalty}; expected -2..2");
        if (s.LogitBias.Count > MaxBiased)
            return new("logit_bias", $"logit_bias has {s.LogitBias.Count} tokens; at most {MaxBiased} are taken");
        foreach (var (token, bias) in s.LogitBias)
            if (!(bias is >= -100 and <= 100)) return new("logit_bias", $"logit_bias of token {token} is {bias}; expected -100..100");
        if (s.MinTokens < 0 || s.MinTokens > Math.Max(0, request.MaxTokens))
            return new("min_tokens", $"min_tokens is {s.MinTokens}; expected 0..{request.MaxTokens}, the value of max_tokens");
        if (s.StopTokenIds.Count > MaxStopTokens)
            return new("stop_token_ids", $"stop_token_ids has {s.StopTokenIds.Count} tokens; at most {MaxStopTokens} are taken");
        return RequestRules.IdProblem([.. s.LogitBias.Keys], "logit_bias", forest)
            ?? RequestRules.IdProblem([.. s.StopTokenIds], "stop_token_ids", forest) ?? GrammarProblem(request);
    }

    /// <summary>Whether the context has room for the shortest answer.</summary>
    public static RequestProblem? RoomProblem(GenerationRequest request, ForestDescription forest) =>
        request.Grammar is { } grammar && forest.ContextLength - request.Prompt.Length < grammar.LeastBytes
            ? new("prompt", $"the prompt has {request.Prompt.Length} tokens; the context holds {forest.ContextLength}, and the shortest "
                + $"answer to the schema takes up to {grammar.LeastBytes} of them", Code: RequestProblem.ContextLengthExceeded)
            : null;

    private static RequestProblem? GrammarProblem(GenerationRequest request)
    {
        if (request.Grammar is not { } grammar) return null;
        if (request.Stop.Count > 0) return new("stop", "stop strings could cut an answer short of its schema; leave out one of the two");
        return request.MaxTokens >= grammar.LeastBytes ? null
            : new("max_tokens", $"max_tokens is {request.MaxTokens}; the shortest answer to the schema takes up to {grammar.LeastBytes}");
    }
}
