namespace Btx.Server.Verbs;

/// <summary>The flags that choose the routing. One that the mode does not read is refused where the request is.</summary>
internal static class RoutingFlags
{
    public static FlagTable<V1.Routing> Create() => new()
    {
        { new Flag<string?>("--mode MODE", "ensemble, top_k, top_p, average, expert or moe", "ensemble"),
            (routing, name) => routing.Mode = Named<V1.Mode>("--mode", name, "mode") },
        { new Flag<int?>("--k N", "top_k: experts run per token (2, of one expert 1); moe: per token and layer (the model's own)"),
            (routing, k) => routing.K = k },
        { new Flag<double?>("--p MASS", "top_p: posterior mass of the experts that run (0.9)"), (routing, p) => routing.P = p },
        { new Flag<string?>("--posterior KIND", "full_prefix (default), last_token, fixed or switching"),
            (routing, name) => routing.Posterior = Named<V1.PosteriorKind>("--posterior", name, "posterior") },
        { new Flag<double?>("--switching-rate P", "switching: probability that the domain changes at a token (0.01)"),
            (routing, rate) => routing.SwitchingRate = rate },
        { new Flag<string?>("--prior-domain DOMAIN", "start from this domain's cached prior (uniform)"),
            (routing, domain) => routing.PriorDomain = domain },
        { new Flag<string?>("--select FORM", "when top_k and top_p choose: prompt or per_token"),
            (routing, name) => routing.Select = Named<V1.Selection>("--select", name, "selection") },
        { new Flag<int?>("--select-tokens N", "score with --select prompt: leading tokens that choose (32)"),
            (routing, tokens) => routing.SelectTokens = tokens },
        { new Flag<string?>("--router KIND", "what top_k and top_p choose by: all (default, the whole prompt) or probe (its first tokens)"),
            (routing, name) => routing.Router = Named<V1.ExpertRouter>("--router", name, "router") },
        { new Flag<int?>("--probe-tokens N", "router probe: leading tokens that every expert reads (32)"),
            (routing, tokens) => routing.ProbeTokens = tokens },
        { new Flag<int?>("--reroute-interval N", "generate: choose the experts again every so many tokens (never)"),
            (routing, tokens) => routing.RerouteInterval = tokens },
        { new Flag<string?>("--expert NAME", "mode expert: its name"), (routing, name) => routing.Expert = name },
        { new Flag<string?>("--average WEIGHTS", "mode average: uniform (default), argmax or posterior"),
            (routing, name) => routing.Average = Named<V1.AverageKind>("--average", name, "average") },
        { new Flag<string?>("--average-domain DOMAIN", "argmax and posterior averages: the target domain"),
            (routing, domain) => routing.AverageDomain = domain },
        { new Flag<string?>("--average-name NAME", "mode average: one that was given a name (`btx experts averages list`)"),
            (routing, name) => routing.AverageName = name },
    };

    private static T Named<T>(string flag, string name, string what) where T : struct, Enum => RoutingNames.Find<T>(name)
        ?? throw new BtxException($"{flag} {BtxException.OneLine(name, 100)}: unknown {what}; use "
            + string.Join(", ", RoutingNames.All<T>()));
}
