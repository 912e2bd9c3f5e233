namespace Btx.Engine.Loop;

/// <summary>Takes members out of a sequence between two steps: it goes on as if the forest had never had them.</summary>
internal static class MemberRemoval
{
    /// <param name="gone">At least one of the sequence's members is on such a lane, and at least one is not.</param>
    /// <returns>True if others take over and run what they missed; where a slot for that is taken, the sequence is queued.</returns>
    public static bool Apply(Sequence s, IReadOnlySet<Lane> gone, ForestSnapshot next)
    {
        var wasActive = false;
        foreach (var member in s.Members.Where(m => gone.Contains(m.Lane)))
        {
            wasActive |= member.Active;
            s.Drop(member);
        }

        s.Members = [.. s.Members.Where(m => !gone.Contains(m.Lane))];
        SetPriors(s, next);
        if (s.Alternatives > 0) foreach (var member in s.Members) member.Cached = 0; // what was ranked had the removed in it
        s.BeginPosterior(); // the rest's likelihoods are known: the next draw takes them in again
        var refills = wasActive && !s.IsScore && s.Routing.Mode is RoutingMode.TopK or RoutingMode.TopP && Refill(s);
        s.Weigh();
        return refills;
    }

    private static void SetPriors(Sequence s, ForestSnapshot next)
    {
        var known = s.Routing.PriorDomain is { } domain && next.HasPrior(domain) ? next.Prior(domain) : null;
        foreach (var member in s.Members)
            if (known is not null && member.Lane.Expert >= 0) member.Prior = known[member.Lane.Expert];
        var sum = known is null ? 0 : s.Members.Sum(m => m.Prior);
        foreach (var member in s.Members) member.Prior = sum > 0 ? member.Prior / sum : 1.0 / s.Members.Length;
    }

    // A fixed posterior names the next best at once; otherwise all of the rest catch up (with what a probe chose by, if it did), and then
    // the choice is exact.
    private static bool Refill(Sequence s)
    {
        if (s.Members.Length == 1) s.Members[0].Active = true;
        else if (s.HasFixedPosterior) ExpertChoice.Apply(s, previous: true);
        if (s.Phase == SequencePhase.Prefill && !s.HasFixedPosterior && s.ChosenLength == 0) return false; // all run the prompt
        if (s.Phase == SequencePhase.Queued) return true; // it has no slots yet
        var missing = s.Members.Where(m => m.Slot < 0 && (m.Active || !s.HasFixedPosterior)).ToList();
        // A forest without the removed would have probed for the rest: that is begun again. In decoding, re-routing reads the whole text.
        var again = s.Selects && s.HasProbe && !s.HasFixedPosterior && (s.Phase == SequencePhase.Prefill || !ExpertChoice.MayReroute(s));
        if (again || missing.Exists(m => m.Lane.Slots.Free == 0))
        {
            foreach (var member in s.Members)
            {
                member.ReturnSlot();
                if (!s.HasFixedPosterior) member.Active = true;
            }

            if (!s.HasFixedPosterior) s.ChosenLength = 0;
            s.Enter(SequencePhase.Queued);
            return true;
        }

        foreach (var member in missing) member.Slot = member.Lane.Slots.Take();
        if (s.Phase == SequencePhase.Decode) s.Enter(SequencePhase.CatchUp);
        return true;
    }
}
