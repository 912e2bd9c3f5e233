using Btx.Engine.Grammars;
using Btx.Model.Mixing;

namespace Btx.Server.Rpc;

/// <summary>Routing and sampling as on the wire, translated. An option that would change nothing is refused.</summary>
internal static class RoutingMessages
{
    private static readonly RoutingMode[] s_chosen = [RoutingMode.TopK, RoutingMode.TopP];
    private static readonly RoutingMode[] s_weighed = [RoutingMode.Ensemble, .. s_chosen];

    // Which modes an option changes anything in. An enum value that this version does not know is given, too.
    private static readonly (string Name, Func<V1.Routing, bool> IsGiven, RoutingMode[] Modes)[] s_options =
    [
        ("k", r => r.HasK, [RoutingMode.TopK, RoutingMode.Moe]),
        ("p", r => r.HasP, [RoutingMode.TopP]),
        ("posterior", r => r.Posterior != V1.PosteriorKind.Unspecified, s_weighed),
        ("prior_domain", r => r.PriorDomain.Length > 0, s_weighed),
        ("switching_rate", r => r.HasSwitchingRate, s_weighed),
        ("select", r => r.Select != V1.Selection.Unspecified, s_chosen),
        ("select_tokens", r => r.HasSelectTokens, s_chosen),
        ("router", r => r.Router != V1.ExpertRouter.Unspecified, s_chosen),
        ("probe_tokens", r => r.HasProbeTokens, s_chosen),
        ("reroute_interval", r => r.RerouteInterval != 0, s_chosen),
        ("expert", r => r.Expert.Length > 0, [RoutingMode.Expert]),
        ("average", r => r.Average != V1.AverageKind.Unspecified, [RoutingMode.Average]),
        ("average_domain", r => r.AverageDomain.Length > 0, [RoutingMode.Average]),
        ("average_name", r => r.AverageName.Length > 0, [RoutingMode.Average]),
    ];

    /// <summary>The options of a mode, for generation.</summary>
    public static IEnumerable<string> OptionsOf(RoutingMode mode) =>
        s_options.Where(option => option.Modes.Contains(mode) && option.Name != "select_tokens").Select(option => option.Name);

    /// <param name="message">Null: an ensemble.</param>
    /// <param name="scores">Of a score: an absent <c>select</c> means per token; of a generation it means prompt.</param>
    /// <param name="forest">What is served: it says what an absent <c>k</c> means.</param>
    /// <exception cref="RequestRejectedException">An enum value is unknown, or an option changes nothing beside the others.</exception>
    public static Routing ToRouting(V1.Routing? message, bool scores, ForestDescription forest)
    {
        var defaults = new Routing { Select = scores ? SelectForm.PerToken : SelectForm.Prompt };
        if (message is null) return defaults;
        var mode = Known("mode", message.Mode, RoutingMode.Ensemble);
        if (Idle(message, mode, scores) is { } problem) throw new RequestRejectedException(problem);
        var (router, probe) = (Known("router", message.Router, defaults.Router),
            message.HasProbeTokens ? message.ProbeTokens : defaults.ProbeTokens);
        var scored = scores && router == ExpertRouter.Probe; // a text's first token is predicted by none, so one fewer is observed
        return new()
        {
            Mode = mode,
            K = message.HasK ? message.K
                : mode == RoutingMode.Moe ? forest.Moe?.ExpertsPerToken ?? 1 : Math.Clamp(forest.Experts.Count, 1, defaults.K),
            P = message.HasP ? message.P : defaults.P,
            Posterior = Known("posterior", message.Posterior, PosteriorKind.FullPrefix),
            SwitchingRate = message.HasSwitchingRate ? message.SwitchingRate : defaults.SwitchingRate,
            PriorDomain = message.PriorDomain.NullIfEmpty(),
            Expert = message.Expert.NullIfEmpty(),
            Average = Known("average", message.Average, AverageWeights.Uniform),
            AverageDomain = message.AverageDomain.NullIfEmpty(),
            AverageName = message.AverageName.NullIfEmpty(),
            Select = scored ? SelectForm.Prompt : Known("select", message.Select, defaults.Select),
            SelectTokens = scored ? probe - 1 : message.HasSelectTokens ? message.SelectTokens : defaults.SelectTokens,
            Router = router,
            ProbeTokens = probe,
            RerouteInterval = message.RerouteInterval,
        };
    }

    /// <summary>But for the prompt's tokens.</summary>
    /// <exception cref="RequestRejectedException">The routing or the form of the answer is not one.</exception>
    public static GenerationRequest ToGeneration(V1.GenerateRequest request, ForestDescription forest) => new()
    {
        Prompt = [],
        Routing = ToRouting(request.Routing, scores: false, forest),
        Sampling = ToSampling(request.Sampling),
        MaxTokens = request.HasMaxTokens ? request.MaxTokens : RequestLimits.DefaultMaxTokens,
        Stop = request.Stop,
        TopLogProbs = request.TopLogprobs,
        ReportExperts = request.IncludeExperts,
        IgnoreEndOfSequence = request.IgnoreEos,
        Grammar = ToGrammar(request.ResponseFormat),
    };

    /// <inheritdoc cref="ToGeneration(V1.GenerateRequest, ForestDescription)"/>
    public static GenerationRequest ToGeneration(V1.ChatRequest request, ForestDescription forest) => new()
    {
        Prompt = [],
        Routing = ToRouting(request.Routing, scores: false, forest),
        Sampling = ToSampling(request.Sampling),
        MaxTokens = request.HasMaxTokens ? request.MaxTokens : forest.ContextLength,
        Stop = request.Stop,
        TopLogProbs = request.TopLogprobs,
        ReportExperts = request.IncludeExperts,
        IgnoreEndOfSequence = request.IgnoreEos,
        Grammar = ToGrammar(request.ResponseFormat),
    };

    public static Engine.Requests.SamplingOptions ToSampling(V1.Sampling? message)
    {
        var defaults = new Engine.Requests.SamplingOptions();
        if (message is null) return defaults;
        return new()
        {
            Temperature = message.HasTemperature ? message.Temperature : defaults.Temperature,
            TopP = message.HasTopP ? message.TopP : defaults.TopP,
            TopK = message.HasTopK ? message.TopK : defaults.TopK,
            MinP = message.HasMinP ? message.MinP : defaults.MinP,
            RepetitionPenalty = message.HasRepetitionPenalty ? message.RepetitionPenalty : defaults.RepetitionPenalty,
            Seed = message.HasSeed ? message.Seed : null,
            PresencePenalty = message.PresencePenalty,
            FrequencyPenalty = message.FrequencyPenalty,
            LogitBias = message.LogitBias.Count == 0 ? defaults.LogitBias : message.LogitBias,
            MinTokens = message.MinTokens,
            StopTokenIds = message.StopTokenIds.Count == 0 ? defaults.StopTokenIds : message.StopTokenIds,
        };
    }

    /// <summary>What an answer is held to; null: nothing.</summary>
    /// <exception cref="RequestRejectedException">The schema is not JSON, or cannot be served.</exception>
    public static OutputGrammar? ToGrammar(V1.ResponseFormat? message)
    {
        if (message is { KindCase: V1.ResponseFormat.KindOneofCase.JsonObject, JsonObject: true }) return OutputGrammar.AnyObject;
        if (message is not { KindCase: V1.ResponseFormat.KindOneofCase.JsonSchema }) return null;
        try
        {
            return OutputGrammar.FromSchema(JsonElement.Parse(message.JsonSchema));
        }
        catch (JsonException e)
        {
            throw RequestRejectedException.For("response_format",
                $"response_format: the schema is not JSON ({BtxException.OneLine(e.Message)})");
        }
    }

    public static string? NullIfEmpty(this string text) => text.Length == 0 ? null : text;

    /// <summary>The value of the same name; the wire's enum has the same members and "unspecified" besides.</summary>
    /// <exception cref="RequestRejectedException">This version does not know it.</exception>
    public static T Known<TWire, T>(string parameter, TWire value, T unspecified) where TWire : struct, Enum where T : struct, Enum
    {
        if (value.Equals(default(TWire))) return unspecified;
        if (Enum.IsDefined(value)) return Enum.Parse<T>(value.ToString());
        throw RequestRejectedException.For(parameter,
            $"unknown {parameter} {value}; this server knows {string.Join(", ", RoutingNames.All<TWire>())}");
    }

    /// <summary>The first option that is given and changes nothing; null if there is none.</summary>
    private static RequestProblem? Idle(V1.Routing r, RoutingMode mode, bool scores)
    {
        foreach (var (name, isGiven, modes) in s_options)
        {
            if (!isGiven(r) || modes.Contains(mode)) continue;
            var readers = string.Join(" and ", modes.Select(RoutingNames.Of));
            return Problem(name,
                $"does not apply to mode {RoutingNames.Of(mode)}: it is for {readers}; leave it out or choose another mode");
        }

        if (r.HasSwitchingRate && r.Posterior != V1.PosteriorKind.Switching)
            return Problem("switching_rate", "applies to posterior switching only; ask for that or leave it out");
        if (r.RerouteInterval != 0 && scores) return Problem("reroute_interval", "is for generation; leave it out of a score");
        if (r.RerouteInterval != 0 && r.Posterior == V1.PosteriorKind.Fixed)
            return Problem("reroute_interval",
                "changes nothing with posterior fixed, which would always choose the same experts; leave one of them out");
        if (r.HasProbeTokens && r.Router != V1.ExpertRouter.Probe)
            return Problem("probe_tokens", "applies to router probe only; ask for that or leave it out");
        if (r.Router == V1.ExpertRouter.Probe && r.Posterior == V1.PosteriorKind.Fixed)
            return Problem("router",
                "probe changes nothing with posterior fixed, which chooses before anything is read; leave one of them out");
        if (r.Router == V1.ExpertRouter.Probe && scores && (r.HasSelectTokens || r.Select == V1.Selection.PerToken))
            return Problem(r.HasSelectTokens ? "select_tokens" : "select",
                "does not go with router probe, which chooses once, by probe_tokens; leave one of them out");
        if (r.HasSelectTokens && !(scores && r.Select == V1.Selection.Prompt))
            return Problem("select_tokens", "is for scoring with select prompt; leave it out");
        if (r.AverageName.Length > 0 && (r.Average != V1.AverageKind.Unspecified || r.AverageDomain.Length > 0))
            return Problem("average_name", "names an average that has its weights already; leave average and average_domain out");
        if (r.AverageDomain.Length > 0 && r.Average is V1.AverageKind.Unspecified or V1.AverageKind.Uniform)
            return Problem("average_domain",
                "weighs the experts of average posterior and argmax only; ask for one of these or leave it out");
        return null;
    }

    private static RequestProblem Problem(string option, string why) => new(option, $"{option} {why}");
}
