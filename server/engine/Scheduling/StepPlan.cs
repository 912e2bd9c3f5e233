namespace Btx.Engine.Scheduling;

/// <summary>What one step runs. Made whole by <see cref="StepPlanner"/> before anything runs, then only read; its buffers serve the next
/// step again.</summary>
internal sealed class StepPlan
{
    /// <summary>Models with at least one row; the rows are <see cref="Lane.Rows"/>.</summary>
    public List<Lane> Lanes { get; } = [];

    /// <summary>Sequences that get a token in this step.</summary>
    public List<Sequence> Emitting { get; } = [];

    /// <summary>Scored texts whose most probable tokens are asked for.</summary>
    public List<RankedRows> Ranked { get; } = [];

    /// <summary>Prompt tokens, summed over models.</summary>
    public int PrefillTokens { get; set; }

    public void Clear()
    {
        Lanes.Clear();
        Emitting.Clear();
        Ranked.Clear();
        PrefillTokens = 0;
    }
}

/// <summary>One row of a plan: positions Start … Start + Count − 1 of a sequence on one of its members.</summary>
/// <param name="Member">Index into <see cref="Sequence.Members"/>.</param>
/// <param name="Wanted">How many of the last positions need logits.</param>
internal readonly record struct PlannedRow(Sequence Sequence, int Member, int Start, int Count, int Wanted);

/// <summary>Positions Start … Start + Count − 1 of a scored text, which one step runs on every member, so that their mixture can be
/// ranked.</summary>
internal readonly record struct RankedRows(Sequence Sequence, int Start, int Count);
