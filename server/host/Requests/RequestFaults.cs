using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Model.Mixing;

namespace Btx.Server.Requests;

/// <summary>What must hold for a request; each fault names its field.</summary>
internal static class RequestFaults
{
    public static RequestFault? FirstFault(TextGeneration request, ForestDescription forest, RequestLimits limits) =>
        PromptFault(request.Prompt, forest, limits)
        ?? RoutingFault(request.Routing, forest)
        ?? SelectFault(request.Routing)
        ?? SamplingFault(request.Sampling)
        ?? LengthFault(request, forest);

    public static RequestFault? PromptFault(Prompt prompt, ForestDescription forest, RequestLimits limits)
    {
        if (prompt is { Text: null, Tokens: null }) return new("prompt", "prompt is missing; give a text or token ids");
        if (prompt.Text is { Length: 0 } || prompt.Tokens is { Length: 0 }) return new("prompt", "prompt is empty; give at least one character");
        if (prompt.Text is { } text && text.Length > limits.PromptCharacters)
            return new("prompt", $"prompt has {text.Length} characters; at most {limits.PromptCharacters} are taken");
        if (prompt.Text is { } unpaired && HasLoneSurrogate(unpaired)) return new("prompt", "prompt is not valid Unicode: it holds half of a surrogate pair");
        if (prompt.Tokens is { } tokens && Array.FindIndex(tokens, id => id < 0 || id >= forest.VocabSize) is >= 0 and var at)
            return new("prompt", $"prompt token {at} is {tokens[at]}; expected 0..{forest.VocabSize - 1}");
        return null;
    }

    public static RequestFault? RoutingFault(Routing routing, ForestDescription forest) =>
        RequestRules.RoutingFault(routing, forest) is { } message
            ? new("model", message, RequestRules.ReasonOf(routing, forest))
            : null;

    private static RequestFault? SelectFault(Routing routing) =>
        routing is { Mode: RoutingMode.TopK or RoutingMode.TopP, Select: SelectForm.PerToken }
            ? new("select", "select per_token needs every expert on every token: it is for scoring; use prompt, with a re-route interval if the text changes")
            : null;

    private static RequestFault? SamplingFault(SamplingOptions s)
    {
        if (!(s.Temperature is >= 0 and <= 100)) return new("temperature", $"temperature is {s.Temperature}; expected 0..100 (0 = greedy)");
        if (!(s.TopP is > 0 and <= 1)) return new("top_p", $"top_p is {s.TopP}; expected a number in (0, 1]");
        if (s.TopK < 0) return new("top_k", $"top_k is {s.TopK}; expected 0 (all tokens) or more");
        if (!(s.MinP is >= 0 and <= 1)) return new("min_p", $"min_p is {s.MinP}; expected 0..1");
        if (!(s.RepetitionPenalty is > 0 and <= 10)) return new("repetition_penalty", $"repetition_penalty is {s.RepetitionPenalty}; expected a number in (0, 10]");
        return null;
    }

    private static RequestFault? LengthFault(TextGeneration request, ForestDescription forest)
    {
        if (request.MaxTokens < 1 || request.MaxTokens > forest.ContextLength)
            return new("max_tokens", $"max_tokens is {request.MaxTokens}; expected 1..{forest.ContextLength}, the context's length");
        if (request.Stop.Count > RequestLimits.MaxStopStrings) return new("stop", $"stop has {request.Stop.Count} strings; at most {RequestLimits.MaxStopStrings} are taken");
        if (request.Stop.Any(stop => stop.Length is 0 or > RequestLimits.MaxStopLength))
            return new("stop", $"stop has an empty string or one of more than {RequestLimits.MaxStopLength} characters");
        if (request.TopLogProbs is < 0 or > RequestLimits.MaxTopLogProbs)
            return new("logprobs", $"{request.TopLogProbs} top log-probabilities; expected 0..{RequestLimits.MaxTopLogProbs}");
        return null;
    }

    private static bool HasLoneSurrogate(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (!char.IsHighSurrogate(text[i]) || i + 1 == text.Length || !char.IsLowSurrogate(text[i + 1])) return true;
            i++;
        }

        return false;
    }
}
