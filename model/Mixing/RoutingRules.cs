namespace Btx.Model.Mixing;

/// <summary>Validates a <see cref="Routing"/> against a forest.</summary>
public static class RoutingRules
{
    /// <param name="experts">Names, in the forest's order.</param>
    /// <param name="domains">Domains that have a cached prior.</param>
    /// <param name="moe">N, the experts of the mixture that is served beside the forest; 0: there is none.</param>
    /// <param name="averages">Named averages; null: there are none.</param>
    /// <returns>One clear sentence, or null if the routing is valid.</returns>
    public static string? Problem(Routing r, IReadOnlyList<string> experts, IReadOnlyCollection<string> domains, int moe = 0,
        IReadOnlyCollection<string>? averages = null)
    {
        if (!Enum.IsDefined(r.Mode)) return $"unknown mode {r.Mode}; use ensemble, top_k, top_p, average, expert or moe";
        if (r.Mode == RoutingMode.Moe)
        {
            if (moe == 0) return "mode moe needs a BTX model; none is loaded";
            if (r.K < 1 || r.K > moe) return $"k is {r.K}; expected 1..{moe}, the number of the mixture's experts";
            return Foreign(r) is { } option ? $"{option} does not apply to mode moe: the model's own router chooses; leave it out" : null;
        }

        if (experts.Count == 0) return "only a BTX model is loaded, no forest; use mode moe";

        if (!Enum.IsDefined(r.Posterior)) return $"unknown posterior {r.Posterior}; use full_prefix, last_token, fixed or switching";
        if (r.Mode == RoutingMode.TopK && (r.K < 1 || r.K > experts.Count))
            return $"k is {r.K}; expected 1..{experts.Count}, the number of experts";
        if (r.Mode == RoutingMode.TopP && !(r.P is > 0 and <= 1)) return $"p is {r.P}; expected a number in (0, 1]";
        if (!(r.SwitchingRate is >= 0 and <= 1)) return $"switching rate is {r.SwitchingRate}; expected a number in [0, 1]";
        if (r.SelectTokens < 1) return $"select tokens is {r.SelectTokens}; expected 1 or more";
        if (r.RerouteInterval < 0) return $"re-route interval is {r.RerouteInterval}; expected 0 or more";
        if (r.Mode == RoutingMode.Expert && r.Expert is null) return "mode expert needs an expert's name";
        if (r.Mode == RoutingMode.Expert && !experts.Contains(r.Expert))
            return $"no expert \"{BtxException.OneLine(r.Expert!, 100)}\"; there are {string.Join(", ", experts)}";
        if (r.PriorDomain is not null && !domains.Contains(r.PriorDomain)) return NoPrior(r.PriorDomain, domains);
        if (r is { Mode: RoutingMode.Average, AverageName: { } name })
            return averages?.Contains(name) == true
                ? null
                : $"no average \"{BtxException.OneLine(name, 100)}\"; there are {List(averages ?? [])}";
        if (r.Mode != RoutingMode.Average || r.Average == AverageWeights.Uniform) return null;
        if (r.AverageDomain is null)
            return $"average {r.Average.ToString().ToLowerInvariant()} needs a target domain; there are {List(domains)}";
        return domains.Contains(r.AverageDomain) ? null : NoPrior(r.AverageDomain, domains);
    }

    private static string NoPrior(string domain, IReadOnlyCollection<string> domains) =>
        $"no cached prior for domain \"{BtxException.OneLine(domain, 100)}\"; there are {List(domains)}";

    /// <summary>The first option set that a token-routed mixture cannot follow.</summary>
    private static string? Foreign(Routing r) => r switch
    {
        { Posterior: not PosteriorKind.FullPrefix } => "a posterior",
        { PriorDomain: not null } => "a prior domain",
        { RerouteInterval: not 0 } => "a re-route interval",
        { Expert: not null } => "an expert's name",
        { AverageDomain: not null } => "an average's domain",
        { AverageName: not null } => "an average's name",
        _ => null,
    };

    private static string List(IReadOnlyCollection<string> names) => names.Count == 0 ? "none" : string.Join(", ", names);
}
