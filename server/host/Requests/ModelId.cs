using System.Globalization;
using Btx.Engine;
using Btx.Model.Mixing;

namespace Btx.Server.Requests;

/// <summary>
/// The routing that a model id of the HTTP door names: <c>forest</c>, <c>forest:top_k=2</c>, <c>forest:top_p=0.9,posterior=last_token</c>,
/// <c>average</c>, <c>average:posterior@python</c>, <c>average:NAME</c> (one that was given a name), <c>expert:python</c>; <c>btx</c>, <c>btx:k=2</c> (mode moe).
/// Options of <c>btx</c>: k (experts per token, else the model's own). Of <c>forest</c>: top_k, top_p, posterior, prior (a domain), select, reroute (tokens), switching (rate).
/// </summary>
internal static class ModelId
{
    /// <param name="mixture">The BTX model that is served; null: none.</param>
    /// <exception cref="InvalidRequestException">No such model (not found) or a bad option (invalid).</exception>
    public static Routing Parse(string id, MixtureDescription? mixture)
    {
        var colon = id.IndexOf(':', StringComparison.Ordinal);
        var rest = colon < 0 ? "" : id[(colon + 1)..];
        if (colon >= 0 && rest.Length == 0) throw Invalid($"model \"{id}\" has nothing after the colon");
        return (colon < 0 ? id : id[..colon]) switch
        {
            "forest" => ParseForest(id, rest),
            "btx" => ParseMixture(id, rest, mixture),
            "average" => ParseAverage(rest),
            "expert" when rest.Length > 0 => new() { Mode = RoutingMode.Expert, Expert = rest },
            "expert" => throw Invalid("model \"expert\" needs an expert's name: expert:NAME"),
            _ => throw new InvalidRequestException(new("model", $"no model \"{id}\"; use forest, forest:top_k=K, forest:top_p=P, average, average:posterior@DOMAIN, average:NAME, expert:NAME, btx or btx:k=K", RejectionReason.NotFound)),
        };
    }

    /// <summary>The ids that a list of models shows: one of each kind, every expert and every domain's average.</summary>
    public static IEnumerable<string> All(ForestDescription forest)
    {
        if (forest.Experts.Count > 0)
        {
            yield return "forest";
            for (var k = 1; k < Math.Min(forest.Experts.Count, 5); k++) yield return $"forest:top_k={k}";
            yield return "forest:top_p=0.9";
            yield return "average";
        }

        foreach (var domain in forest.PriorDomains) yield return $"average:posterior@{domain}";
        foreach (var average in forest.Averages) yield return $"average:{average}";
        foreach (var expert in forest.Experts) yield return $"expert:{expert}";
        if (forest.Mixture is null) yield break;
        yield return "btx";
        foreach (var k in forest.Mixture.Choices.Take(4)) yield return $"btx:k={k}";
    }

    private static Routing ParseMixture(string id, string option, MixtureDescription? mixture)
    {
        var routing = new Routing { Mode = RoutingMode.Moe };
        if (mixture is not null) routing = routing with { K = mixture.ExpertsPerToken };
        if (option.Length == 0) return routing;
        if (!option.StartsWith("k=", StringComparison.Ordinal)) throw Invalid($"model \"{id}\": \"{option}\" does not apply to a BTX model; the only option is k=K");
        return routing with { K = Integer("k", option[2..]) };
    }

    private static Routing ParseForest(string id, string options)
    {
        var routing = new Routing();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var option in options.Length == 0 ? [] : options.Split(','))
        {
            var equals = option.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1) throw Invalid($"model \"{id}\": option \"{option}\" is not NAME=VALUE");
            var (name, value) = (option[..equals], option[(equals + 1)..]);
            if (!seen.Add(name)) throw Invalid($"model \"{id}\" gives {name} twice");
            routing = name switch
            {
                "top_k" => routing with { Mode = RoutingMode.TopK, K = Integer(name, value) },
                "top_p" => routing with { Mode = RoutingMode.TopP, P = Number(name, value) },
                "posterior" => routing with { Posterior = RoutingNames.Posteriors.Named("model", name, value) },
                "prior" => routing with { PriorDomain = value },
                "select" => routing with { Select = RoutingNames.Selections.Named("model", name, value) },
                "reroute" => routing with { RerouteInterval = Integer(name, value) },
                "switching" => routing with { Posterior = PosteriorKind.Switching, SwitchingRate = Number(name, value) },
                _ => throw Invalid($"model \"{id}\": unknown option \"{name}\"; use top_k, top_p, posterior, prior, select, reroute or switching"),
            };
        }

        if (seen.Contains("top_k") && seen.Contains("top_p")) throw Invalid($"model \"{id}\" gives both top_k and top_p; choose one");
        if (seen.Contains("switching") && routing.Posterior != PosteriorKind.Switching) throw Invalid($"model \"{id}\" gives a switching rate to a posterior that does not switch");
        return routing;
    }

    private static Routing ParseAverage(string rest)
    {
        var at = rest.IndexOf('@', StringComparison.Ordinal);
        var kind = at < 0 ? rest : rest[..at];
        if (at < 0 && kind.Length > 0 && !RoutingNames.Averages.ContainsKey(kind)) return new() { Mode = RoutingMode.Average, AverageName = kind };
        return new()
        {
            Mode = RoutingMode.Average,
            Average = kind.Length == 0 ? AverageWeights.Uniform : RoutingNames.Averages.Named("model", "average", kind),
            AverageDomain = at < 0 ? null : rest[(at + 1)..],
        };
    }

    private static int Integer(string name, string value) =>
        int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) ? n : throw Invalid($"{name} is \"{value}\"; expected a whole number");

    private static double Number(string name, string value) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var x) ? x : throw Invalid($"{name} is \"{value}\"; expected a number");

    private static InvalidRequestException Invalid(string message) => InvalidRequestException.For("model", message);
}
