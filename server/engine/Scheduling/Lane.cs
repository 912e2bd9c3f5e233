using Btx.Engine.Forests;
using Btx.Engine.Sessions;

namespace Btx.Engine.Scheduling;

/// <summary>A model as the loop runs it: its runner, its slots, and the rows of the step under way. Holds the
/// model until the loop drops the lane.</summary>
/// <param name="model">Held by the lane; see <see cref="Loop.LaneSet"/>.</param>
internal sealed class Lane(ServedModel model, int expert, int slots, MoeLoad? load = null)
{
    public string Name => Model.Name;

    /// <summary>As failures call it.</summary>
    public string Title => Expert < 0 ? Name : $"expert \"{Name}\"";

    public ServedModel Model { get; } = model;

    /// <summary>Index of the expert in the current forest; −1 for an average or a mixture, and for a model that left the forest.</summary>
    public int Expert { get; set; } = expert;

    /// <summary>What this step's tokens asked of a mixture's experts; null for a dense model.</summary>
    public MoeLoad? Load { get; } = load;

    public IModelRunner Runner { get; } = model.Runner;

    public SlotPool Slots { get; } = new(slots);

    /// <summary>Unfinished sequences that have it among their members.</summary>
    public int Users { get; set; }

    /// <summary>No new sequence joins; dropped when the last user has left.</summary>
    public bool Retired { get; set; }

    /// <summary>The plan's rows on this model.</summary>
    public List<PlannedRow> Rows { get; } = new(slots);

    /// <summary>Tokens that the plan may still add to this model in this step.</summary>
    public int Budget { get; set; }

    /// <summary>Why this step's run failed; null if it did not.</summary>
    public Exception? Error { get; set; }

    /// <summary>Its last run failed, which was reported.</summary>
    public bool Fails { get; set; }
}
