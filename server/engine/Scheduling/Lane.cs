using Btx.Engine.Sessions;

namespace Btx.Engine.Scheduling;

/// <summary>A model as the loop runs it: its runner, its slots, and the rows of the step under way.</summary>
internal sealed class Lane(string name, int expert, IModelRunner runner, int slots, MixtureLoad? load = null)
{
    public string Name { get; } = name;

    /// <summary>Index of the expert; −1 for an average or a mixture.</summary>
    public int Expert { get; } = expert;

    /// <summary>What this step's tokens asked of a mixture's experts; null for a dense model.</summary>
    public MixtureLoad? Load { get; } = load;

    public IModelRunner Runner { get; } = runner;

    public SlotPool Slots { get; } = new(slots);

    /// <summary>The plan's rows on this model.</summary>
    public List<PlannedRow> Rows { get; } = new(slots);

    /// <summary>Tokens that the plan may still add to this model in this step.</summary>
    public int Budget { get; set; }

    /// <summary>Why this step's run failed; null if it did not.</summary>
    public Exception? Fault { get; set; }
}
