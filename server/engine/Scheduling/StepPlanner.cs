namespace Btx.Engine.Scheduling;

/// <summary>What one step runs: made whole before anything runs, then only read. Its buffers serve the next step again.</summary>
internal sealed class StepPlan
{
    private readonly Dictionary<Lane, LaneRows> byLane = [];
    private readonly List<LaneRows> buffers = [];

    /// <summary>Models with at least one row.</summary>
    public List<LaneRows> Lanes { get; } = [];

    /// <summary>Sequences that get a token in this step.</summary>
    public List<Sequence> Emitting { get; } = [];

    /// <summary>Scored texts whose most probable tokens are asked for.</summary>
    public List<RankedRows> Ranked { get; } = [];

    public int PrefillTokens { get; set; }

    /// <summary>Positions to be ranked that the plan may still add.</summary>
    public int RankedBudget { get; set; }

    public LaneRows this[Lane lane] => byLane[lane];

    public void Begin(IReadOnlyList<Lane> lanes, int budget)
    {
        byLane.Clear();
        Lanes.Clear();
        Emitting.Clear();
        Ranked.Clear();
        (PrefillTokens, RankedBudget) = (0, StepPlanner.MostRanked);
        while (buffers.Count < lanes.Count) buffers.Add(new LaneRows());
        for (var i = 0; i < lanes.Count; i++) byLane.Add(lanes[i], buffers[i].Begin(lanes[i], budget));
    }
}

internal sealed class LaneRows
{
    public Lane Lane { get; private set; } = null!;

    public List<PlannedRow> Rows { get; } = [];

    /// <summary>Tokens that the plan may still add.</summary>
    public int Budget { get; set; }

    public LaneRows Begin(Lane lane, int budget)
    {
        (Lane, Budget) = (lane, budget);
        Rows.Clear();
        return this;
    }
}

/// <summary>One row of a plan: positions Start … Start + Count − 1 of a sequence on one of its members.</summary>
/// <param name="Wanted">How many of the last positions need logits.</param>
/// <param name="Scored">How many of those before need the likelihood of the token that follows.</param>
internal readonly record struct PlannedRow(Sequence Sequence, Member Member, int Start, int Count, int Wanted, int Scored);

/// <summary>Positions Start … Start + Count − 1 of a scored text, which one step runs on every member, to be ranked.</summary>
internal readonly record struct RankedRows(Sequence Sequence, int Start, int Count);

/// <summary>Plans one step: a pure function of the sequences, the lanes' slots and two limits. Decode goes first, one row per active
/// member; what the token budget leaves goes to prefill and catch-up in the order of admission, at most a chunk each.</summary>
internal static class StepPlanner
{
    /// <summary>Most positions that a step ranks: each keeps a row of logits on every member.</summary>
    public const int MostRanked = 64;

    /// <param name="prefillChunk">Most prompt tokens of a sequence on a lane.</param>
    public static void Plan(IReadOnlyList<Sequence> running, IReadOnlyList<Lane> lanes, int maxBatchTokens, int prefillChunk, StepPlan plan)
    {
        plan.Begin(lanes, maxBatchTokens);
        for (var i = 0; i < running.Count; i++)
            if (running[i].Phase == SequencePhase.Decode) PlanNextToken(running[i], plan);

        for (var i = 0; i < running.Count; i++)
        {
            var s = running[i];
            if (s.Phase is not (SequencePhase.Prefill or SequencePhase.CatchUp)) continue;
            var mayEmit = s.Phase == SequencePhase.Prefill && !s.IsScore && !s.AwaitsChoice;
            if (mayEmit && FitsWhole(s, prefillChunk, plan)) PlanNextToken(s, plan);
            else PlanHistory(s, running.Count > 1 ? Math.Min(prefillChunk, s.Chunk) : prefillChunk, plan);
        }

        for (var i = 0; i < lanes.Count; i++)
            if (plan[lanes[i]] is { Rows.Count: > 0 } rows) plan.Lanes.Add(rows);
    }

    // All that is not cached, the last token included, on every active member: the step gives the next token.
    private static void PlanNextToken(Sequence s, StepPlan plan)
    {
        foreach (var member in s.Members)
        {
            if (!member.Active) continue;
            var count = s.Length - member.Cached;
            Add(s, member, count, 1, s.WantsLikelihood ? count - 1 : 0, plan);
        }

        plan.Emitting.Add(s);
    }

    // Up to, but without, the last token (of a probe: its last): what the posterior and the choice of experts need.
    private static void PlanHistory(Sequence s, int prefillChunk, StepPlan plan)
    {
        var most = prefillChunk;
        if (s.Alternatives > 0)
        {
            // The mixture is ranked where all members are: they go in step.
            most = Math.Min(most, plan.RankedBudget);
            foreach (var m in s.Members) most = Math.Min(most, Math.Min(s.Length - 1 - m.Cached, plan[m.Lane].Budget));
            if (most > 0) plan.Ranked.Add(new(s, s.Members[0].Cached, most));
            plan.RankedBudget -= Math.Max(0, most);
        }

        foreach (var member in s.Members)
        {
            if (!s.Reads(member)) continue; // left out by a fixed posterior, which needs no text, or by a probe
            var count = Math.Min(Math.Min(s.HistoryEnd - member.Cached, most), plan[member.Lane].Budget);
            if (count <= 0) continue;
            if (s.Alternatives > 0) Add(s, member, count, count, 0, plan);
            else Add(s, member, count, 0, s.WantsLikelihood ? count : 0, plan);
        }
    }

    private static bool FitsWhole(Sequence s, int prefillChunk, StepPlan plan)
    {
        foreach (var member in s.Members)
            if (member.Active && s.Length - member.Cached > Math.Min(prefillChunk, plan[member.Lane].Budget)) return false;
        return true;
    }

    private static void Add(Sequence s, Member member, int count, int wanted, int scored, StepPlan plan)
    {
        var rows = plan[member.Lane];
        rows.Budget -= count;
        rows.Rows.Add(new PlannedRow(s, member, member.Cached, count, wanted, scored));
        if (s.Phase != SequencePhase.Decode) plan.PrefillTokens += count;
    }
}
