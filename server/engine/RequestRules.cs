using Btx.Engine.Sampling;

namespace Btx.Engine;

/// <summary>What a request must satisfy, in one place for every protocol and for every path behind it. Options are checked before a text is
/// turned into tokens, the tokens before any other work; the engine checks both again on the forest that answers.</summary>
public static class RequestRules
{
    public const int MaxStops = 16;
    public const int MaxStopLength = 256;
    public const int MaxTopLogProbs = 20;

    /// <exception cref="RequestRejectedException">The first rule that is broken, as one clear line.</exception>
    public static void Check(GenerationRequest request, ForestDescription forest) =>
        Refuse(OptionsProblem(request, forest) ?? PromptProblem(request, forest));

    internal static void Check(GenerationRequest request, ForestSnapshot snapshot)
    {
        Check(request, snapshot.Description);
        Refuse(TokenConstraints.Problem(request, snapshot));
    }

    public static void Check(ScoreRequest request, ForestDescription forest) =>
        Refuse(OptionsProblem(request, forest) ?? TextProblem(request.Tokens, forest));

    /// <summary>What is wrong with a generation besides its prompt; null if nothing is.</summary>
    public static RequestProblem? OptionsProblem(GenerationRequest request, ForestDescription forest)
    {
        if (RoutingProblem(request.Routing, forest) is { } routing) return routing;
        if (request.Routing is { Mode: RoutingMode.TopK or RoutingMode.TopP, Select: SelectForm.PerToken })
            return new("select",
                "select per_token needs every expert on every token: it is for scoring; use prompt, with a re-route interval");
        if (Problem(request.Sampling) is { } sampling) return sampling;
        if (request.MaxTokens < 1) return new("max_tokens", $"max_tokens is {request.MaxTokens}; expected 1 or more");
        if (ConstraintRules.Problem(request, forest) is { } constraint) return constraint;
        if (TopProblem(request.TopLogProbs) is { } top) return top;
        if (request.Stop.Count - request.AddedStops is > MaxStops and var stops)
            return new("stop", $"stop has {stops} strings; at most {MaxStops} are taken");
        return request.Stop.Any(stop => stop is not { Length: > 0 and <= MaxStopLength })
            ? new("stop", $"stop has an empty string or one of more than {MaxStopLength} characters")
            : null;
    }

    /// <summary>What is wrong with a score besides its text; null if nothing is.</summary>
    public static RequestProblem? OptionsProblem(ScoreRequest request, ForestDescription forest) =>
        RoutingProblem(request.Routing, forest) ?? TopProblem(request.TopLogProbs);

    /// <summary>What is wrong with a generation's prompt, and whether it leaves room for an answer; null if nothing is.</summary>
    public static RequestProblem? PromptProblem(GenerationRequest request, ForestDescription forest)
    {
        var tokens = request.Prompt;
        if (tokens.Length == 0) return new("prompt", "the prompt is empty; give at least one token");
        if (tokens.Length < forest.ContextLength)
            return IdProblem(tokens, "prompt", forest) ?? ConstraintRules.RoomProblem(request, forest);
        return TooLong("prompt", $"the prompt has {tokens.Length} tokens; the context holds {forest.ContextLength}, at least one of them "
            + "for the answer");
    }

    public static RequestProblem? TextProblem(int[] tokens, ForestDescription forest) => tokens.Length < 2
        ? new("text", $"the text has {tokens.Length} tokens; scoring needs at least 2, one to predict from and one to predict")
        : ReadProblem(tokens, "text", forest);

    /// <summary>What is wrong with tokens that are only read and not continued: they may fill the whole context.</summary>
    public static RequestProblem? ReadProblem(int[] tokens, string what, ForestDescription forest) =>
        tokens.Length <= forest.ContextLength ? IdProblem(tokens, what, forest)
        : TooLong(what, $"the {what} has {tokens.Length} tokens; the context holds "
            + $"{forest.ContextLength}{(what == "text" ? "; score it in windows (stride) or in parts" : "")}");

    /// <summary>A number of tokens to generate that no context holds; the engine clamps it, an endpoint refuses it.</summary>
    public static RequestProblem? MaxTokensProblem(int maxTokens, ForestDescription forest) => maxTokens <= forest.ContextLength ? null
        : new("max_tokens", $"max_tokens is {maxTokens}; expected 1..{forest.ContextLength}, the context's length");

    /// <summary>How far the windows of a long text may be apart; null: the text is read whole, 0: half the context.</summary>
    public static RequestProblem? StrideProblem(int? stride, ForestDescription forest) =>
        stride is null || (stride >= 0 && stride < forest.ContextLength) ? null
        : new("stride", $"stride is {stride}; expected 1..{forest.ContextLength - 1}, or 0 for half the context");

    /// <summary>A token id that the vocabulary does not have.</summary>
    public static RequestProblem? IdProblem(int[] tokens, string what, ForestDescription forest) =>
        Array.FindIndex(tokens, id => id < 0 || id >= forest.VocabSize) is >= 0 and var at
            ? new(what, $"{what} token {at} is {tokens[at]}; expected 0..{forest.VocabSize - 1}")
            : null;

    public static RequestProblem? RoutingProblem(Routing routing, ForestDescription forest)
    {
        if (forest.Damage.Problem(routing, forest.Experts) is { } damage) return new("model", damage, ErrorKind.Damaged);
        var (option, message) = RoutingRules.Fault(routing, forest.Experts, (IReadOnlyCollection<string>)forest.PriorDomains,
            forest.Moe?.Experts.Count ?? 0, (IReadOnlyCollection<string>)forest.Averages) ?? default;
        if (routing is { Mode: RoutingMode.Expert, Expert: { } name } && forest.Quarantined.Contains(name))
            message = $"expert \"{name}\" is quarantined: it stays listed without traffic, for it was branched from one that was "
                + $"removed; use one of {List(forest.Experts)}";
        if (message is null && routing.Mode == RoutingMode.Moe && !forest.Moe!.Choices.Contains(routing.K))
            (option, message) = ("k", $"k is {routing.K}; the BTX model was exported for k "
                + $"{List(forest.Moe.Choices)}; use one of these or export it for more");
        if (message is null) return null;
        return new("model", message, IsUnknown(routing, forest) ? ErrorKind.Missing : ErrorKind.Invalid) { RoutingOption = option };
    }

    /// <summary>True if a routing asks for a model, an expert or a domain's prior that is not there.</summary>
    internal static bool IsUnknown(Routing routing, ForestDescription forest) =>
        routing.Mode == RoutingMode.Moe
            ? forest.Moe is null
            : forest.Experts.Count == 0 || (routing is { Mode: RoutingMode.Expert, Expert: { } name } && !forest.Experts.Contains(name))
                || (routing.PriorDomain is { } prior && !forest.PriorDomains.Contains(prior))
                || (routing is { Mode: RoutingMode.Average, AverageName: { } average } && !forest.Averages.Contains(average))
                || (routing is { Mode: RoutingMode.Average, AverageName: null, AverageDomain: { } domain }
                && !forest.PriorDomains.Contains(domain));

    private static RequestProblem? TopProblem(int count) =>
        count is >= 0 and <= MaxTopLogProbs ? null : new("logprobs", $"logprobs is {count}; expected 0..{MaxTopLogProbs}");

    private static string List<T>(IEnumerable<T> values) => string.Join(", ", values);

    private static RequestProblem TooLong(string what, string message) => new(what, message, Code: RequestProblem.ContextLengthExceeded);

    private static void Refuse(RequestProblem? problem)
    {
        if (problem is not null) throw new RequestRejectedException(problem);
    }

    private static RequestProblem? Problem(SamplingOptions s)
    {
        if (!(s.Temperature is >= 0 and <= 100)) return new("temperature", $"temperature is {s.Temperature}; expected 0..100 (0 = greedy)");
        if (!(s.TopP is > 0 and <= 1)) return new("top_p", $"top_p is {s.TopP}; expected a number in (0, 1]");
        if (s.TopK < 0) return new("top_k", $"top_k is {s.TopK}; expected 0 (all tokens) or more");
        if (!(s.MinP is >= 0 and <= 1)) return new("min_p", $"min_p is {s.MinP}; expected 0..1");
        return s.RepetitionPenalty is > 0 and <= 10
            ? null
            : new("repetition_penalty", $"repetition_penalty is {s.RepetitionPenalty}; expected a number in (0, 10]");
    }
}
