using Btx.Engine;
using Btx.Model.Mixing;
using Btx.Server.Requests;
using V1 = Btx.V1;

namespace Btx.Server.Rpc;

/// <summary>Which options of a routing change anything, beside the others that are given with them.</summary>
internal static class RoutingOptions
{
    private static readonly RoutingMode[] s_chosen = [RoutingMode.TopK, RoutingMode.TopP];
    private static readonly RoutingMode[] s_weighed = [RoutingMode.Ensemble, .. s_chosen];

    // An enum value that this version does not know is given, too.
    private static readonly (string Name, Func<V1.Routing, bool> IsGiven, RoutingMode[] Modes)[] s_options =
    [
        ("k", r => r.HasK, [RoutingMode.TopK, RoutingMode.Moe]),
        ("p", r => r.HasP, [RoutingMode.TopP]),
        ("posterior", r => r.Posterior != V1.PosteriorKind.Unspecified, s_weighed),
        ("prior_domain", r => r.PriorDomain.Length > 0, s_weighed),
        ("switching_rate", r => r.HasSwitchingRate, s_weighed),
        ("select", r => r.Select != V1.Selection.Unspecified, s_chosen),
        ("select_tokens", r => r.HasSelectTokens, s_chosen),
        ("reroute_interval", r => r.RerouteInterval != 0, s_chosen),
        ("expert", r => r.Expert.Length > 0, [RoutingMode.Expert]),
        ("average", r => r.Average != V1.AverageKind.Unspecified, [RoutingMode.Average]),
        ("average_domain", r => r.AverageDomain.Length > 0, [RoutingMode.Average]),
        ("average_name", r => r.AverageName.Length > 0, [RoutingMode.Average]),
    ];

    /// <summary>The first option that is given and changes nothing; null if there is none.</summary>
    public static RequestProblem? Idle(V1.Routing r, RoutingMode mode, bool scores)
    {
        foreach (var (name, isGiven, modes) in s_options)
        {
            if (!isGiven(r) || modes.Contains(mode)) continue;
            var readers = string.Join(" and ", modes.Select(RoutingNames.Of));
            return Problem(name, $"does not apply to mode {RoutingNames.Of(mode)}: it is for {readers}; leave it out or choose another mode");
        }

        if (r.HasSwitchingRate && r.Posterior != V1.PosteriorKind.Switching)
            return Problem("switching_rate", "applies to posterior switching only; ask for that or leave it out");
        if (r.RerouteInterval != 0 && scores) return Problem("reroute_interval", "is for generation; leave it out of a score");
        if (r.RerouteInterval != 0 && r.Posterior == V1.PosteriorKind.Fixed)
            return Problem("reroute_interval",
                "changes nothing with posterior fixed, which would always choose the same experts; leave one of them out");
        if (r.HasSelectTokens && !(scores && r.Select == V1.Selection.Prompt))
            return Problem("select_tokens", "is for scoring with select prompt; leave it out");
        if (r.AverageName.Length > 0 && (r.Average != V1.AverageKind.Unspecified || r.AverageDomain.Length > 0))
            return Problem("average_name", "names an average that has its weights already; leave average and average_domain out");
        if (r.AverageDomain.Length > 0 && r.Average is V1.AverageKind.Unspecified or V1.AverageKind.Uniform)
            return Problem("average_domain", "weighs the experts of average posterior and argmax only; ask for one of these or leave it out");
        return null;
    }

    private static RequestProblem Problem(string option, string why) => new(option, $"{option} {why}");
}
