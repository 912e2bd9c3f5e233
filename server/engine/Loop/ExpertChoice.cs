namespace Btx.Engine.Loop;

/// <summary>Chooses the active set of <c>top_k</c> and <c>top_p</c> from the posterior over all experts.</summary>
internal static class ExpertChoice
{
    /// <summary>Sets who is active and the weights among them. Others give their slot back, unless the set may be chosen again.</summary>
    /// <param name="previous">The set so far counts for top_p's hysteresis.</param>
    public static void Apply(Sequence s, bool previous)
    {
        var weights = new double[s.Members.Length];
        var active = new bool[s.Members.Length];
        s.Posterior!.Weights(weights);
        if (s.Routing.Mode == RoutingMode.TopK) ActiveSet.TopK(weights, Math.Min(s.Routing.K, weights.Length), active);
        else
        {
            for (var m = 0; m < active.Length; m++) active[m] = previous && s.Members[m].Active;
            ActiveSet.TopP(weights, s.Routing.P, active);
        }

        for (var m = 0; m < active.Length; m++)
        {
            s.Members[m].Active = active[m];
            if (!active[m] && !MayReroute(s)) s.Members[m].ReturnSlot();
        }

        s.Weigh();
        (s.ChosenAt, s.ChosenLength) = (s.Completed, s.HistoryEnd + 1);
    }

    /// <summary>True if the set is chosen again during the sequence; a fixed posterior would always choose the same.</summary>
    public static bool MayReroute(Sequence s) => s.Selects && s.Routing.RerouteInterval > 0 && !s.HasFixedPosterior;

    public static bool IsDue(Sequence s) => MayReroute(s) && s.Completed - s.ChosenAt >= s.Routing.RerouteInterval;
}
