namespace Btx.Engine.Scheduling;

/// <summary>
/// Plans one step: a pure function of the sequences, the lanes' slots and two limits. Decode goes first, one row per active
/// member; what the token budget leaves goes to prefill and catch-up in the order of admission, at most a chunk each.
/// </summary>
internal static class StepPlanner
{
    /// <param name="running">Admitted sequences in the order of admission.</param>
    /// <param name="maxBatchTokens">Budget of each lane.</param>
    /// <param name="prefillChunk">Most prompt tokens of a sequence on a lane.</param>
    /// <param name="plan">Overwritten; read-only until the next plan.</param>
    public static void Plan(IReadOnlyList<Sequence> running, IReadOnlyList<Lane> lanes, int maxBatchTokens, int prefillChunk, StepPlan plan)
    {
        plan.Clear();
        for (var i = 0; i < lanes.Count; i++)
        {
            lanes[i].Rows.Clear();
            lanes[i].Error = null;
            lanes[i].Load?.Clear();
            lanes[i].Budget = maxBatchTokens;
        }

        for (var i = 0; i < running.Count; i++)
        {
            if (running[i].Phase == SequencePhase.Decode) PlanNextToken(running[i], plan);
        }

        for (var i = 0; i < running.Count; i++)
        {
            var s = running[i];
            if (s.Phase is not (SequencePhase.Prefill or SequencePhase.CatchUp)) continue;
            if (s.Phase == SequencePhase.Prefill && !s.IsScore && !s.Selects && FitsWhole(s, prefillChunk)) PlanNextToken(s, plan);
            else PlanHistory(s, running.Count > 1 ? Math.Min(prefillChunk, s.Chunk) : prefillChunk, plan);
        }

        for (var i = 0; i < lanes.Count; i++)
        {
            if (lanes[i].Rows.Count > 0) plan.Lanes.Add(lanes[i]);
        }
    }

    // All that is not cached, the last token included, on every active member: the step gives the next token.
    private static void PlanNextToken(Sequence s, StepPlan plan)
    {
        for (var m = 0; m < s.Members.Length; m++)
        {
            var member = s.Members[m];
            if (!member.Active) continue;
            var count = s.Length - member.Cached;
            Add(s, m, count, s.NeedsLikelihood ? count : 1, plan);
        }

        plan.Emitting.Add(s);
    }

    // Up to, but without, the last token: what the posterior and the choice of experts need.
    private static void PlanHistory(Sequence s, int prefillChunk, StepPlan plan)
    {
        var together = prefillChunk;
        if (s.Alternatives > 0)
        {
            // The mixture is ranked where all members are: they go in step.
            foreach (var member in s.Members) together = Math.Min(together, Math.Min(s.Length - 1 - member.Cached, member.Lane.Budget));
            if (together > 0) plan.Ranked.Add(new(s, s.Members[0].Cached, together));
        }

        for (var m = 0; m < s.Members.Length; m++)
        {
            var member = s.Members[m];
            if (member.Slot < 0) continue; // left out before the prompt ran: a fixed posterior needs no text
            var count = Math.Min(Math.Min(s.Length - 1 - member.Cached, together), member.Lane.Budget);
            if (count > 0) Add(s, m, count, s.NeedsLikelihood ? count : 0, plan);
        }
    }

    private static bool FitsWhole(Sequence s, int prefillChunk)
    {
        foreach (var member in s.Members)
        {
            if (s.Length - member.Cached > Math.Min(prefillChunk, member.Lane.Budget)) return false;
        }

        return true;
    }

    private static void Add(Sequence s, int m, int count, int wanted, StepPlan plan)
    {
        var member = s.Members[m];
        member.Lane.Budget -= count;
        member.Lane.Rows.Add(new PlannedRow(s, m, member.Cached, count, wanted));
        if (s.Phase != SequencePhase.Decode) plan.PrefillTokens += count;
    }
}
