using System.CommandLine;
using Btx.Model;
using Btx.Server.Requests;
using V1 = Btx.V1;

namespace Btx.Server.Verbs;

/// <summary>
/// The flags that choose the routing, the same for generate and score. A flag that the mode does not read is refused where the request is.
/// </summary>
internal sealed class RoutingFlags
{
    private readonly Option<string> _mode = new("--mode")
    {
        Description = "ensemble, top_k, top_p, average, expert or moe",
        HelpName = "MODE",
        DefaultValueFactory = _ => "ensemble"
    };
    private readonly Option<int?> _k = new("--k")
    {
        Description = "top_k: experts run per token (2, of one expert 1); moe: per token and layer (the model's own)",
    };
    private readonly Option<double?> _p = new("--p") { Description = "top_p: posterior mass of the experts that run (0.9)" };
    private readonly Option<string?> _posterior =
        new("--posterior") { Description = "full_prefix (default), last_token, fixed or switching", HelpName = "KIND" };
    private readonly Option<double?> _switchingRate =
        new("--switching-rate") { Description = "switching: probability that the domain changes at a token (0.01)" };
    private readonly Option<string?> _priorDomain = new("--prior-domain")
    {
        Description = "start from this domain's cached prior (uniform)",
        HelpName = "DOMAIN"
    };
    private readonly Option<string?> _select = new("--select")
    {
        Description = "when top_k and top_p choose: prompt or per_token",
        HelpName = "FORM"
    };
    private readonly Option<int?> _selectTokens =
        new("--select-tokens") { Description = "score with --select prompt: leading tokens that choose (32)" };
    private readonly Option<int?> _reroute =
        new("--reroute-interval") { Description = "generate: choose the experts anew every so many tokens (never)" };
    private readonly Option<string?> _expert = new("--expert") { Description = "mode expert: its name", HelpName = "NAME" };
    private readonly Option<string?> _average = new("--average")
    {
        Description = "mode average: uniform (default), argmax or posterior",
        HelpName = "WEIGHTS"
    };
    private readonly Option<string?> _averageDomain =
        new("--average-domain") { Description = "argmax and posterior averages: the target domain", HelpName = "DOMAIN" };

    private readonly Option<string?> _averageName =
        new("--average-name") { Description = "mode average: one that was given a name (`btx experts averages list`)", HelpName = "NAME" };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _mode, _k, _p, _posterior, _switchingRate, _priorDomain, _select, _selectTokens, _reroute,
            _expert, _average, _averageDomain, _averageName })
            command.Options.Add(option);
    }

    /// <exception cref="InvalidRequestException">A name is unknown.</exception>
    public V1.Routing Read(ParseResult parsed)
    {
        var routing = new V1.Routing
        {
            Mode = Wire<Model.Mixing.RoutingMode, V1.Mode>(RoutingNames.Modes, "--mode", "mode", parsed.GetValue(_mode)!),
            Posterior = Wire<Model.Mixing.PosteriorKind, V1.PosteriorKind>(RoutingNames.Posteriors, "--posterior", "posterior",
                parsed.GetValue(_posterior)),
            Select = Wire<Model.Mixing.SelectForm, V1.Selection>(RoutingNames.Selections, "--select", "selection",
                parsed.GetValue(_select)),
            Average = Wire<Model.Mixing.AverageWeights, V1.AverageKind>(RoutingNames.Averages, "--average", "average",
                parsed.GetValue(_average)),
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

    private static TWire Wire<T, TWire>(IReadOnlyDictionary<string, T> names, string flag, string what, string? name)
        where T : struct, Enum
        where TWire : struct, Enum
    {
        if (name is null) return default;
        if (!names.TryGetValue(name, out var value))
            throw new BtxException($"{flag} {BtxException.OneLine(name, 100)}: unknown {what}; use {string.Join(", ", names.Keys)}");
        return RoutingNames.Wire<T, TWire>(value);
    }
}
