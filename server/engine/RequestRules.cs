using Btx.Engine.Requests;
using Btx.Model.Mixing;

namespace Btx.Engine;

/// <summary>What a request must satisfy, in one place for every door.</summary>
public static class RequestRules
{
    public const int MaxStops = 16;
    public const int MaxTopLogProbs = 20;

    /// <exception cref="RequestRejectedException">The first rule that is broken, as one clear line.</exception>
    public static void Check(GenerationRequest request, ForestDescription forest)
    {
        Tokens(request.Prompt, "prompt", forest);
        if (request.Prompt.Length == 0) throw new RequestRejectedException("the prompt is empty; give at least one token");
        if (request.Prompt.Length >= forest.ContextLength)
            throw new RequestRejectedException($"the prompt has {request.Prompt.Length} tokens; the context holds {forest.ContextLength}, and at least one token must fit behind it");
        if (request.MaxTokens <= 0) throw new RequestRejectedException($"max_tokens is {request.MaxTokens}; expected 1 or more");
        Check(request.Routing, forest);
        if (request.Routing is { Mode: RoutingMode.TopK or RoutingMode.TopP, Select: SelectForm.PerToken })
            throw new RequestRejectedException("select per_token is for scoring; generation chooses experts after the prompt, use select prompt and a re-route interval");
        if (Fault(request.Sampling) is { } fault) throw new RequestRejectedException(fault);
        if (request.TopLogProbs is < 0 or > MaxTopLogProbs) throw new RequestRejectedException($"top log-probabilities is {request.TopLogProbs}; expected 0..{MaxTopLogProbs}");
        if (request.Stop.Count > MaxStops) throw new RequestRejectedException($"{request.Stop.Count} stop strings; at most {MaxStops} are allowed");
        if (request.Stop.Any(string.IsNullOrEmpty)) throw new RequestRejectedException("a stop string is empty");
    }

    /// <exception cref="RequestRejectedException">The first rule that is broken, as one clear line.</exception>
    public static void Check(ScoreRequest request, ForestDescription forest)
    {
        Tokens(request.Tokens, "text", forest);
        if (request.Tokens.Length < 2) throw new RequestRejectedException($"the text has {request.Tokens.Length} tokens; scoring needs at least 2");
        if (request.Tokens.Length > forest.ContextLength)
            throw new RequestRejectedException($"the text has {request.Tokens.Length} tokens; the context holds {forest.ContextLength}");
        Check(request.Routing, forest);
    }

    /// <summary>What is wrong with a routing, as one clear line; null if nothing is.</summary>
    public static string? RoutingFault(Routing routing, ForestDescription forest)
    {
        if (forest.Damage.Fault(routing, forest.Experts) is { } damage) return damage;
        if (routing is { Mode: RoutingMode.Expert, Expert: { } name } && forest.Quarantined.Contains(name))
            return $"expert \"{name}\" is quarantined: it stays listed without traffic, for it was branched from one that was removed; use one of {string.Join(", ", forest.Experts)}";
        var fault = RoutingRules.Fault(routing, forest.Experts, (IReadOnlyCollection<string>)forest.PriorDomains, forest.Mixture?.Experts.Count ?? 0, (IReadOnlyCollection<string>)forest.Averages);
        if (fault is not null || routing.Mode != RoutingMode.Moe || forest.Mixture!.Choices.Contains(routing.K)) return fault;
        return $"k is {routing.K}; the BTX model was exported for k {string.Join(", ", forest.Mixture.Choices)}; use one of these or export it for more";
    }

    /// <summary>Whose fault a <see cref="RoutingFault"/> is.</summary>
    public static RejectionReason ReasonOf(Routing routing, ForestDescription forest) =>
        forest.Damage.Fault(routing, forest.Experts) is not null ? RejectionReason.Damaged
        : IsUnknown(routing, forest) ? RejectionReason.NotFound
        : RejectionReason.InvalidArgument;

    /// <summary>True if a routing asks for a model, an expert or a domain's prior that is not there.</summary>
    public static bool IsUnknown(Routing routing, ForestDescription forest) =>
        routing.Mode == RoutingMode.Moe
            ? forest.Mixture is null
            : forest.Experts.Count == 0
                || (routing is { Mode: RoutingMode.Expert, Expert: { } name } && !forest.Experts.Contains(name))
                || (routing.PriorDomain is { } prior && !forest.PriorDomains.Contains(prior))
                || (routing is { Mode: RoutingMode.Average, AverageName: { } average } && !forest.Averages.Contains(average))
                || (routing is { Mode: RoutingMode.Average, AverageName: null, AverageDomain: { } domain } && !forest.PriorDomains.Contains(domain));

    private static void Tokens(int[] tokens, string what, ForestDescription forest)
    {
        foreach (var token in tokens)
        {
            if (token < 0 || token >= forest.VocabSize) throw new RequestRejectedException($"the {what} has token id {token}; expected 0..{forest.VocabSize - 1}");
        }
    }

    private static void Check(Routing routing, ForestDescription forest)
    {
        if (RoutingFault(routing, forest) is not { } fault) return;
        throw new RequestRejectedException(ReasonOf(routing, forest), fault);
    }

    private static string? Fault(SamplingOptions s)
    {
        if (!(s.Temperature is >= 0 and <= 100)) return $"temperature is {s.Temperature}; expected 0..100";
        if (!(s.TopP is > 0 and <= 1)) return $"top_p is {s.TopP}; expected a number in (0, 1]";
        if (s.TopK < 0) return $"top_k is {s.TopK}; expected 0 (all) or more";
        if (!(s.MinP is >= 0 and <= 1)) return $"min_p is {s.MinP}; expected a number in [0, 1]";
        return s.RepetitionPenalty is > 0 and <= 10 ? null : $"repetition penalty is {s.RepetitionPenalty}; expected a number in (0, 10]";
    }
}
