namespace Btx.Model.Mixing;

/// <summary>Which experts answer and how they are mixed: one request's choice. A value; <see cref="RoutingRules"/> says what is
/// valid.</summary>
public sealed record Routing
{
    public RoutingMode Mode { get; init; } = RoutingMode.Ensemble;

    /// <summary>For <see cref="RoutingMode.TopK"/>: 1..E. For <see cref="RoutingMode.Moe"/>: experts per token, 1..N.</summary>
    public int K { get; init; } = 2;

    /// <summary>For <see cref="RoutingMode.TopP"/>: posterior mass in (0, 1].</summary>
    public double P { get; init; } = 0.9;

    public PosteriorKind Posterior { get; init; } = PosteriorKind.FullPrefix;

    /// <summary>α of <see cref="PosteriorKind.Switching"/>, in [0, 1].</summary>
    public double SwitchingRate { get; init; } = 0.01;

    /// <summary>The domain whose cached prior is π; null: π is uniform.</summary>
    public string? PriorDomain { get; init; }

    /// <summary>For <see cref="RoutingMode.Expert"/>.</summary>
    public string? Expert { get; init; }

    /// <summary>For <see cref="RoutingMode.Average"/>.</summary>
    public AverageWeights Average { get; init; } = AverageWeights.Uniform;

    /// <summary>For averages by <see cref="AverageWeights.Argmax"/> or <see cref="AverageWeights.Posterior"/>: the target domain.</summary>
    public string? AverageDomain { get; init; }

    /// <summary>For averages: one that was given a name; <see cref="Average"/> does not count then.</summary>
    public string? AverageName { get; init; }

    public SelectForm Select { get; init; } = SelectForm.Prompt;

    /// <summary>In scoring with <see cref="SelectForm.Prompt"/>: how many leading tokens choose the set.</summary>
    public int SelectTokens { get; init; } = 32;

    /// <summary>In generation with <see cref="RoutingMode.TopK"/> or <see cref="RoutingMode.TopP"/>.</summary>
    public ExpertRouter Router { get; init; } = ExpertRouter.All;

    /// <summary>For <see cref="ExpertRouter.Probe"/>: how many leading tokens of the prompt choose the set, 2 or more.</summary>
    public int ProbeTokens { get; init; } = 32;

    /// <summary>In generation: choose the active set again every so many tokens; 0 keeps the first choice.</summary>
    public int RerouteInterval { get; init; }
}

/// <summary>How a forest answers.</summary>
public enum RoutingMode
{
    /// <summary>All experts, mixed by the posterior.</summary>
    Ensemble,

    /// <summary>The k experts with the largest posterior, renormalised.</summary>
    TopK,

    /// <summary>The smallest set of experts whose posterior mass reaches p, renormalised.</summary>
    TopP,

    /// <summary>One model made by averaging parameters.</summary>
    Average,

    /// <summary>One expert by name.</summary>
    Expert,

    /// <summary>The token-routed mixture (BTX).</summary>
    Moe,
}

/// <summary>When the active set of <c>top_k</c> and <c>top_p</c> is chosen.</summary>
public enum SelectForm
{
    /// <summary>Once, from the posterior after the prompt (generation's form).</summary>
    Prompt,

    /// <summary>Anew for each token from the posterior so far (the papers' form, scoring only: every expert scores the text).</summary>
    PerToken,
}

/// <summary>What of a prompt the experts read before the active set is chosen.</summary>
public enum ExpertRouter
{
    /// <summary>Every expert reads all of it.</summary>
    All,

    /// <summary>Every expert reads its first tokens; those that are chosen then read the rest. A prompt that is no longer is read by
    /// all.</summary>
    Probe,
}

/// <summary>How the weights of the mixture follow from what the experts said of the text so far.</summary>
public enum PosteriorKind
{
    /// <summary>w_j ∝ π_j · Π_{s&lt;t} p_j(x_s | x_&lt;s): the papers' formula (DEMix section 5, c-BTM), the default.</summary>
    FullPrefix,

    /// <summary>w_j ∝ π_j · p_j(x_{t-1} | x_&lt;t-1): what DEMix's code does.</summary>
    LastToken,

    /// <summary>w_j = π_j.</summary>
    Fixed,

    /// <summary>Fixed share: w ← (1-α)·bayes(w) + α·π; the domain may change inside a sequence.</summary>
    Switching,
}

/// <summary>Weights of a parameter average.</summary>
public enum AverageWeights
{
    Uniform,

    /// <summary>The expert with the largest cached prior for the target domain, alone.</summary>
    Argmax,

    /// <summary>The cached prior of the target domain.</summary>
    Posterior,
}

/// <summary>Validates a <see cref="Routing"/> against a forest.</summary>
public static class RoutingRules
{
    /// <param name="experts">Names, in the forest's order.</param>
    /// <param name="domains">Domains that have a cached prior.</param>
    /// <param name="moe">N, the experts of the mixture that is served beside the forest; 0: there is none.</param>
    /// <param name="averages">Named averages; null: there are none.</param>
    /// <returns>One clear sentence, or null if the routing is valid.</returns>
    public static string? Problem(Routing r, IReadOnlyList<string> experts, IReadOnlyCollection<string> domains, int moe = 0,
        IReadOnlyCollection<string>? averages = null) => Fault(r, experts, domains, moe, averages)?.Message;

    /// <summary>As <see cref="Problem"/>, with the option that is at fault as the wire names it; null: the mode is.</summary>
    public static (string? Option, string Message)? Fault(Routing r, IReadOnlyList<string> experts, IReadOnlyCollection<string> domains,
        int moe = 0, IReadOnlyCollection<string>? averages = null)
    {
        if (!Enum.IsDefined(r.Mode)) return ("mode", $"unknown mode {r.Mode}; use ensemble, top_k, top_p, average, expert or moe");
        if (r.Mode == RoutingMode.Moe)
        {
            if (moe == 0) return (null, "mode moe needs a BTX model; none is loaded");
            if (r.K < 1 || r.K > moe) return ("k", $"k is {r.K}; expected 1..{moe}, the number of the mixture's experts");
            return Foreign(r) is not { } option ? null
                : (null, $"{option} does not apply to mode moe: the model's own router chooses; leave it out");
        }

        if (experts.Count == 0) return (null, "only a BTX model is loaded, no forest; use mode moe");

        if (!Enum.IsDefined(r.Posterior))
            return ("posterior", $"unknown posterior {r.Posterior}; use full_prefix, last_token, fixed or switching");
        if (r.Mode == RoutingMode.TopK && (r.K < 1 || r.K > experts.Count))
            return ("k", $"k is {r.K}; expected 1..{experts.Count}, the number of experts");
        if (r.Mode == RoutingMode.TopP && !(r.P is > 0 and <= 1)) return ("p", $"p is {r.P}; expected a number in (0, 1]");
        if (!(r.SwitchingRate is >= 0 and <= 1))
            return ("switching_rate", $"switching rate is {r.SwitchingRate}; expected a number in [0, 1]");
        if (!Enum.IsDefined(r.Router)) return ("router", $"unknown router {r.Router}; use all or probe");
        if (r.ProbeTokens < 2)
            return ("probe_tokens", $"probe tokens is {r.ProbeTokens}; expected 2 or more: the first is predicted by no expert");
        if (r.SelectTokens < 1) return ("select_tokens", $"select tokens is {r.SelectTokens}; expected 1 or more");
        if (r.RerouteInterval < 0)
            return ("reroute_interval", $"re-route interval is {r.RerouteInterval}; expected 0 or more");
        if (r.Mode == RoutingMode.Expert && r.Expert is null) return ("expert", "mode expert needs an expert's name");
        if (r.Mode == RoutingMode.Expert && !experts.Contains(r.Expert))
            return ("expert", $"no expert \"{BtxException.OneLine(r.Expert!, 100)}\"; there are {string.Join(", ", experts)}");
        if (r.PriorDomain is not null && !domains.Contains(r.PriorDomain)) return ("prior_domain", NoPrior(r.PriorDomain, domains));
        if (r is { Mode: RoutingMode.Average, AverageName: { } name })
            return averages?.Contains(name) == true
                ? null
                : ("average_name", $"no average \"{BtxException.OneLine(name, 100)}\"; there are {List(averages ?? [])}");
        if (r.Mode != RoutingMode.Average || r.Average == AverageWeights.Uniform) return null;
        if (r.AverageDomain is null)
            return ("average_domain",
                $"average {r.Average.ToString().ToLowerInvariant()} needs a target domain; there are {List(domains)}");
        return domains.Contains(r.AverageDomain) ? null : ("average_domain", NoPrior(r.AverageDomain, domains));
    }

    private static string NoPrior(string domain, IReadOnlyCollection<string> domains) =>
        $"no cached prior for domain \"{BtxException.OneLine(domain, 100)}\"; there are {List(domains)}";

    /// <summary>The first option set that a token-routed mixture cannot follow.</summary>
    private static string? Foreign(Routing r) => r switch
    {
        { Posterior: not PosteriorKind.FullPrefix } => "a posterior",
        { PriorDomain: not null } => "a prior domain",
        { RerouteInterval: not 0 } => "a re-route interval",
        { Router: not ExpertRouter.All } => "a router",
        { Expert: not null } => "an expert's name",
        { AverageDomain: not null } => "an average's domain",
        { AverageName: not null } => "an average's name",
        _ => null,
    };

    private static string List(IReadOnlyCollection<string> names) => names.Count == 0 ? "none" : string.Join(", ", names);
}
