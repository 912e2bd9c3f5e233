using Btx.Engine.Forests;
using Btx.Engine.Scheduling;
using Btx.Model.Mixing;

namespace Btx.Engine.Loop;

/// <summary>Takes members out of a sequence between two steps, so that it goes on as if the forest had never had them: the posterior is
/// over the rest, given the whole text.</summary>
internal static class MemberRemoval
{
    /// <summary>What the sequence needs next.</summary>
    internal enum Need
    {
        /// <summary>It goes on in the next step.</summary>
        Nothing,

        /// <summary>Other members take over and run what they missed; they have their slots.</summary>
        CatchUp,

        /// <summary>The same, but a slot that it needs is taken: it gave its own back and waits for all of them.</summary>
        Slots,
    }

    /// <param name="gone">At least one of the sequence's members is on such a lane, and at least one is not.</param>
    /// <param name="next">Gives the priors.</param>
    public static Need Apply(Sequence s, IReadOnlySet<Lane> gone, ForestSnapshot next)
    {
        var wasActive = false;
        foreach (var member in s.Members)
        {
            if (!gone.Contains(member.Lane)) continue;
            wasActive |= member.Active;
            Drop(s, member);
        }

        var (before, prior) = (s.Members, s.Prior);
        s.Members = [.. before.Where(m => !gone.Contains(m.Lane))];
        s.Active = [.. s.Members.Select(m => m.Active)];
        s.Weights = new double[s.Members.Length];
        s.Prior = Prior(s, [.. Enumerable.Range(0, before.Length).Where(m => !gone.Contains(before[m].Lane)).Select(m => prior[m])], next);
        s.Posterior = new DomainPosterior(s.Prior, s.Routing.Posterior, s.Routing.SwitchingRate);
        if (s.Alternatives > 0) foreach (var member in s.Members) member.Cached = 0; // what was ranked had the removed in it
        s.Observed = 0; // the rest's likelihoods are known: the next draw takes them in again
        var need = wasActive && !s.IsScore && s.Routing.Mode is RoutingMode.TopK or RoutingMode.TopP ? Refill(s) : Need.Nothing;
        if (!s.Active.Contains(true)) Array.Fill(s.Active, true); // until the choice
        s.Posterior.Weights(s.Weights, s.Active);
        return need;
    }

    /// <summary>Gives a member's place back and keeps what it cost.</summary>
    public static void Drop(Sequence s, Member member)
    {
        if (member.Expert >= 0)
        {
            if (s.PastSteps.Length == 0) s.PastSteps = new int[s.Forest.Experts.Count];
            s.PastSteps[member.Expert] += member.Steps;
        }

        member.Active = false;
        member.Leave();
    }

    private static double[] Prior(Sequence s, double[] own, ForestSnapshot next)
    {
        if (s.Routing.PriorDomain is not { } domain || !next.HasPrior(domain)) return DomainPosterior.Uniform(own.Length);
        var prior = next.Prior(domain);
        for (var m = 0; m < own.Length; m++)
            if (s.Members[m].Lane.Expert >= 0) own[m] = prior[s.Members[m].Lane.Expert];
        var sum = own.Sum();
        return sum > 0 ? [.. own.Select(w => w / sum)] : DomainPosterior.Uniform(own.Length);
    }

    // A fixed posterior names the next best at once; otherwise all of the rest catch up, and then the choice is exact.
    private static Need Refill(Sequence s)
    {
        var isFixed = s.Routing.Posterior == PosteriorKind.Fixed;
        if (s.Members.Length == 1) s.Active[0] = s.Members[0].Active = true;
        else if (isFixed) ExpertChoice.Apply(s, previous: true);
        if (s.Phase == SequencePhase.Prefill && !isFixed) return Need.Nothing; // all run the prompt
        var missing = s.Members.Where(m => m.Slot < 0 && (m.Active || !isFixed)).ToList();
        if (missing.Exists(m => m.Lane.Slots.Free == 0))
        {
            foreach (var member in s.Members)
            {
                member.ReturnSlot();
                if (!isFixed) member.Active = true;
            }

            s.Active = [.. s.Members.Select(m => m.Active)];
            s.Phase = SequencePhase.Queued;
            return Need.Slots;
        }

        foreach (var member in missing) member.Slot = member.Lane.Slots.Take();
        if (s.Phase == SequencePhase.Decode) s.Phase = SequencePhase.CatchUp;
        return Need.CatchUp;
    }
}
