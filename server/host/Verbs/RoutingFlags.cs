namespace Btx.Server.Verbs;

/// <summary>
/// The flags that choose the routing, the same for generate and score. A flag that the mode does not read is refused where the request is.
/// </summary>
internal sealed class RoutingFlags
{
    private readonly Flag<string?> _mode = new("--mode MODE", "ensemble, top_k, top_p, average, expert or moe", "ensemble");
    private readonly Flag<int?> _k = new("--k N",
        "top_k: experts run per token (2, of one expert 1); moe: per token and layer (the model's own)");
    private readonly Flag<double?> _p = new("--p MASS", "top_p: posterior mass of the experts that run (0.9)");
    private readonly Flag<string?> _posterior = new("--posterior KIND", "full_prefix (default), last_token, fixed or switching");
    private readonly Flag<double?> _switchingRate = new("--switching-rate P",
        "switching: probability that the domain changes at a token (0.01)");
    private readonly Flag<string?> _priorDomain = new("--prior-domain DOMAIN", "start from this domain's cached prior (uniform)");
    private readonly Flag<string?> _select = new("--select FORM", "when top_k and top_p choose: prompt or per_token");
    private readonly Flag<int?> _selectTokens = new("--select-tokens N", "score with --select prompt: leading tokens that choose (32)");
    private readonly Flag<int?> _reroute = new("--reroute-interval N", "generate: choose the experts again every so many tokens (never)");
    private readonly Flag<string?> _expert = new("--expert NAME", "mode expert: its name");
    private readonly Flag<string?> _average = new("--average WEIGHTS", "mode average: uniform (default), argmax or posterior");
    private readonly Flag<string?> _averageDomain = new("--average-domain DOMAIN", "argmax and posterior averages: the target domain");

    private readonly Flag<string?> _averageName = new("--average-name NAME",
        "mode average: one that was given a name (`btx experts averages list`)");

    public IReadOnlyList<Option> All =>
        [_mode, _k, _p, _posterior, _switchingRate, _priorDomain, _select, _selectTokens, _reroute, _expert, _average, _averageDomain,
            _averageName];

    /// <exception cref="BtxException">A name is unknown.</exception>
    public V1.Routing Read(ParseResult parsed)
    {
        var routing = new V1.Routing
        {
            Mode = Named<V1.Mode>(parsed, _mode, "mode"),
            Posterior = Named<V1.PosteriorKind>(parsed, _posterior, "posterior"),
            Select = Named<V1.Selection>(parsed, _select, "selection"),
            Average = Named<V1.AverageKind>(parsed, _average, "average"),
            Expert = parsed.GetValue(_expert) ?? "",
            AverageDomain = parsed.GetValue(_averageDomain) ?? "",
            AverageName = parsed.GetValue(_averageName) ?? "",
            PriorDomain = parsed.GetValue(_priorDomain) ?? "",
            RerouteInterval = parsed.GetValue(_reroute) ?? 0,
        };
        if (parsed.GetValue(_k) is { } k) routing.K = k;
        if (parsed.GetValue(_p) is { } p) routing.P = p;
        if (parsed.GetValue(_switchingRate) is { } rate) routing.SwitchingRate = rate;
        if (parsed.GetValue(_selectTokens) is { } tokens) routing.SelectTokens = tokens;
        return routing;
    }

    private static T Named<T>(ParseResult parsed, Flag<string?> flag, string what) where T : struct, Enum
    {
        if (parsed.GetValue(flag) is not { } name) return default;
        return RoutingNames.Find<T>(name) ?? throw new BtxException(
            $"{flag.Name} {BtxException.OneLine(name, 100)}: unknown {what}; use {string.Join(", ", RoutingNames.All<T>())}");
    }
}
