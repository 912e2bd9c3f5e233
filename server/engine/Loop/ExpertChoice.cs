using Btx.Engine.Scheduling;
using Btx.Model.Mixing;

namespace Btx.Engine.Loop;

/// <summary>Chooses the active set of <c>top_k</c> and <c>top_p</c> from the posterior over all experts.</summary>
internal static class ExpertChoice
{
    /// <summary>Sets who is active and the weights among them. Experts that are left out give their slot back, unless the set may be chosen
    /// anew later: then they keep what they have cached and catch up from there.</summary>
    /// <param name="previous">The set so far counts for top_p's hysteresis.</param>
    public static void Apply(Sequence s, bool previous)
    {
        s.Posterior!.Weights(s.Weights);
        if (s.Routing.Mode == RoutingMode.TopK)
        {
            ActiveSet.TopK(s.Weights, Math.Min(s.Routing.K, s.Members.Length), s.Active);
        }
        else
        {
            for (var m = 0; m < s.Members.Length; m++) s.Active[m] = previous && s.Members[m].Active;
            ActiveSet.TopP(s.Weights, s.Routing.P, s.Active);
        }

        for (var m = 0; m < s.Members.Length; m++)
        {
            s.Members[m].Active = s.Active[m];
            if (!s.Active[m] && !MayReroute(s)) s.Members[m].ReturnSlot();
        }

        s.Posterior.Weights(s.Weights, s.Active);
        s.ChosenAt = s.Completed;
    }

    /// <summary>True if the set is chosen anew during the sequence; a fixed posterior would always choose the same.</summary>
    public static bool MayReroute(Sequence s) => s.Selects && s.Routing.RerouteInterval > 0 && s.Routing.Posterior != PosteriorKind.Fixed;

    public static bool IsDue(Sequence s) => MayReroute(s) && s.Completed - s.ChosenAt >= s.Routing.RerouteInterval;
}
