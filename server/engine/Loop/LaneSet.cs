namespace Btx.Engine.Loop;

/// <summary>The loop's lanes: one for each model of the current snapshot, its averages, and what left but still has users.</summary>
internal sealed class LaneSet(int slots)
{
    private readonly Dictionary<ServedModel, Lane> byModel = [];
    private readonly List<Lane> all = [];
    private int retired;

    /// <summary>The same list always.</summary>
    public IReadOnlyList<Lane> All => all;

    public Lane? Moe { get; private set; }

    public Lane Of(ServedModel model) => byModel[model];

    public Lane? Find(ServedModel model) => byModel.GetValueOrDefault(model);

    /// <summary>Gives every model of a snapshot a lane; lanes of models that are not in it retire.</summary>
    /// <param name="previous">Null: the first snapshot.</param>
    public void Install(ForestSnapshot? previous, ForestSnapshot next)
    {
        foreach (var model in next.Models)
            if (!byModel.ContainsKey(model)) Add(new Lane(model.Hold(), -1, slots, Load(model, next)));
        foreach (var model in previous?.Models ?? [])
        {
            byModel[model].Expert = -1;
            if (!next.Models.Contains(model)) Retire(byModel[model]);
        }

        for (var j = 0; j < next.Experts.Count; j++) byModel[next.Experts[j].Model].Expert = j;
        Moe = next.Moe is null ? null : byModel[next.Moe.Model];
    }

    public Lane AddAverage(ServedModel model)
    {
        var lane = new Lane(model, -1, slots);
        Add(lane);
        return lane;
    }

    /// <summary>No sequence joins it any more; <see cref="Sweep"/> drops it.</summary>
    public void Retire(Lane lane)
    {
        if (lane.Retired) return;
        lane.Retired = true;
        retired++;
    }

    /// <summary>Drops retired lanes that nobody uses. Between two steps; cheap while there are none.</summary>
    public void Sweep()
    {
        for (var i = all.Count - 1; retired > 0 && i >= 0; i--)
        {
            var lane = all[i];
            if (!lane.Retired || lane.Users > 0) continue;
            all.RemoveAt(i);
            byModel.Remove(lane.Model);
            retired--;
            lane.Model.ReleaseInBackground();
        }
    }

    public void Release()
    {
        foreach (var lane in all) lane.Model.Release();
        all.Clear();
        byModel.Clear();
    }

    private static MoeLoad? Load(ServedModel model, ForestSnapshot snapshot) =>
        ReferenceEquals(model, snapshot.Moe?.Model)
        ? new MoeLoad(snapshot.Moe.Description.Layers, snapshot.Moe.Description.Experts.Count) : null;

    private void Add(Lane lane)
    {
        all.Insert(0, lane); // a step begins with the newest, which may be the slowest: its weights are not prepacked yet
        byModel.Add(lane.Model, lane);
    }
}
