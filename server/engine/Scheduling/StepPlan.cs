namespace Btx.Engine.Scheduling;

/// <summary>What one step runs. Made whole by <see cref="StepPlanner"/> before anything runs, then only read;
/// its buffers serve the next step again.</summary>
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
