using System.Globalization;
using Btx.Model.Mixing;

namespace Btx.Server.Requests;

/// <summary>A model's id over HTTP, and the routing that it names: <c>forest</c>, <c>forest:top_k=2</c>,
/// <c>forest:top_p=0.9,posterior=last_token</c>, <c>average</c>, <c>average:posterior@python</c>, <c>average:NAME</c> (one that was given a
/// name), <c>expert:python</c>; <c>btx</c>, <c>btx:k=2</c> (mode moe). Options of <c>btx</c>: k (experts per token, else the model's own).
/// Of <c>forest</c>: top_k, top_p, posterior, prior (a domain), switching (rate), and with top_k or top_p reroute (tokens),
/// select, router and probe_tokens.</summary>
/// <param name="Name">As answers repeat it: as it was asked for, numbers in their usual form.</param>
internal sealed record ModelId(string Name, Routing Routing)
{
    /// <param name="forest">What is served: it says what an absent number of experts means.</param>
    /// <param name="beside">A routing that is given beside the id, which then names none of its own; null: none is.</param>
    /// <exception cref="RequestRejectedException">No such model (not found) or a bad option (invalid).</exception>
    public static ModelId Parse(string id, ForestDescription forest, V1.Routing? beside = null)
    {
        if (id.Length > RequestLimits.MaxNameLength)
            throw Invalid($"the model's id has {id.Length} characters; at most {RequestLimits.MaxNameLength} are taken");
        var colon = id.IndexOf(':', StringComparison.Ordinal);
        var rest = colon < 0 ? "" : id[(colon + 1)..];
        if (colon >= 0 && rest.Length == 0) throw Invalid($"model {Quote(id)} has nothing after the colon");
        var (name, routing) = (colon < 0 ? id : id[..colon]) switch
        {
            "forest" => ForestOf(id, rest),
            "btx" => MoeOf(id, rest),
            "average" => (id, AverageOf(id, rest)),
            "expert" when rest.Length > 0 => (id, new() { Mode = V1.Mode.Expert, Expert = rest }),
            "expert" => throw Invalid("model \"expert\" needs an expert's name: expert:NAME"),
            _ => throw new RequestRejectedException(new("model", $"no model {Quote(id)}; use forest, forest:top_k=K, forest:top_p=P, "
                + "average, average:posterior@DOMAIN, average:NAME, expert:NAME, btx or btx:k=K", ErrorKind.Missing)),
        };
        if (beside is not null) return new(name, Beside(id, beside, forest));
        try
        {
            return new(name, RoutingMessages.ToRouting(routing, scores: false, forest));
        }
        catch (RequestRejectedException e)
        {
            throw Invalid($"model {Quote(id)}: {e.Message}");
        }
    }

    /// <summary>The routing that is given beside <c>forest</c>, of any mode of a forest, or beside <c>btx</c>.</summary>
    private static Routing Beside(string id, V1.Routing routing, ForestDescription forest)
    {
        if (id is not ("forest" or "btx"))
            throw RequestRejectedException.For("routing", $"model {Quote(id)} names a routing of its own; leave routing out, or ask for "
                + "model forest or btx");
        if (id == "btx" && routing.Mode == V1.Mode.Unspecified) routing.Mode = V1.Mode.Moe;
        if ((id == "btx") != (routing.Mode == V1.Mode.Moe))
            throw RequestRejectedException.For("routing", "routing mode moe is of model btx, and every other mode of model forest");
        try
        {
            return RoutingMessages.ToRouting(routing, scores: false, forest);
        }
        catch (RequestRejectedException e)
        {
            throw RequestRejectedException.For("routing", $"routing: {e.Message}");
        }
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
        if (forest.Moe is null) yield break;
        yield return "btx";
        foreach (var k in forest.Moe.Choices.Take(4)) yield return $"btx:k={k}";
    }

    private static (string Name, V1.Routing Routing) MoeOf(string id, string option)
    {
        var routing = new V1.Routing { Mode = V1.Mode.Moe };
        if (option.Length == 0) return (id, routing);
        if (!option.StartsWith("k=", StringComparison.Ordinal))
            throw Invalid($"model {Quote(id)}: {Quote(option)} does not apply to a BTX model; the only option is k=K");
        routing.K = Integer("k", option[2..]);
        return ($"btx:k={routing.K}", routing);
    }

    private static (string Name, V1.Routing Routing) ForestOf(string id, string options)
    {
        var routing = new V1.Routing();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var named = new List<string>();
        foreach (var option in options.Length == 0 ? [] : options.Split(','))
        {
            var equals = option.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1 || equals == option.Length - 1) throw Invalid($"model {Quote(id)}: option {Quote(option)} is not NAME=VALUE");
            var (name, value) = (option[..equals], option[(equals + 1)..]);
            if (!seen.Add(name)) throw Invalid($"model {Quote(id)} gives {Quote(name)} twice");
            named.Add(string.Create(CultureInfo.InvariantCulture, $"{name}={Set(routing, id, name, value)}"));
        }

        if (seen.Contains("top_k") && seen.Contains("top_p")) throw Invalid($"model {Quote(id)} gives both top_k and top_p; choose one");
        if (routing.HasSwitchingRate && routing.Posterior == V1.PosteriorKind.Unspecified) routing.Posterior = V1.PosteriorKind.Switching;
        return (named.Count == 0 ? "forest" : $"forest:{string.Join(',', named)}", routing);
    }

    /// <returns>The value: a number or a name.</returns>
    private static object Set(V1.Routing routing, string id, string name, string value)
    {
        if (name == "top_k") routing.Mode = V1.Mode.TopK;
        if (name == "top_p") routing.Mode = V1.Mode.TopP;
        return name switch
        {
            "top_k" => routing.K = Integer(name, value),
            "top_p" => routing.P = Number(name, value),
            "posterior" => RoutingNames.Of(routing.Posterior = Named<V1.PosteriorKind>(name, value)),
            "prior" => routing.PriorDomain = value,
            "select" => RoutingNames.Of(routing.Select = Named<V1.Selection>(name, value)),
            "router" => RoutingNames.Of(routing.Router = Named<V1.ExpertRouter>(name, value)),
            "probe_tokens" => routing.ProbeTokens = Integer(name, value),
            "reroute" => routing.RerouteInterval = Integer(name, value),
            "switching" => routing.SwitchingRate = Number(name, value),
            _ => throw Invalid($"model {Quote(id)}: unknown option {Quote(name)}; use top_k, top_p, posterior, prior, select, router, "
                + "probe_tokens, reroute or switching"),
        };
    }

    private static V1.Routing AverageOf(string id, string rest)
    {
        if (rest is ['@', ..] or [.., '@']) throw Invalid($"model {Quote(id)}: {Quote(rest)} is not KIND@DOMAIN");
        var at = rest.IndexOf('@', StringComparison.Ordinal);
        var kind = at < 0 ? rest : rest[..at];
        var routing = new V1.Routing { Mode = V1.Mode.Average, AverageDomain = at < 0 ? "" : rest[(at + 1)..] };
        if (at < 0 && kind.Length > 0 && RoutingNames.Find<V1.AverageKind>(kind) is null) routing.AverageName = kind;
        else if (kind.Length > 0) routing.Average = Named<V1.AverageKind>("average", kind);
        return routing;
    }

    private static T Named<T>(string what, string name) where T : struct, Enum => RoutingNames.Find<T>(name)
        ?? throw Invalid($"unknown {what} {Quote(name)}; use {string.Join(", ", RoutingNames.All<T>())}");

    private static int Integer(string name, string value) =>
        int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) ? n
            : throw Invalid($"{name} is {Quote(value)}; expected a whole number");

    private static double Number(string name, string value) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var x) ? x
            : throw Invalid($"{name} is {Quote(value)}; expected a number");

    private static string Quote(string text) => $"\"{BtxException.OneLine(text, 100)}\"";

    private static RequestRejectedException Invalid(string message) => RequestRejectedException.For("model", message);
}

/// <summary>The names of the wire's routing values as flags, model ids and messages spell them: <c>TopK</c> is <c>top_k</c>.</summary>
internal static class RoutingNames
{
    public static string Of<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>All names; the wire's first value, "unspecified", has none.</summary>
    public static IEnumerable<string> All<T>() where T : struct, Enum => Enum.GetValues<T>().Skip(1).Select(Of);

    /// <summary>The value of that name; null: there is none.</summary>
    public static T? Find<T>(string name) where T : struct, Enum =>
        All<T>().Contains(name) ? Enum.GetValues<T>().First(value => Of(value) == name) : null;
}
