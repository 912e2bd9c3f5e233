using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Scheduling;
using Btx.Engine.Sessions;

namespace Btx.Engine.Loop;

/// <summary>The averaged models of the current snapshot, by what they are made of: an equal
/// recipe keeps its model through a swap.</summary>
internal sealed class AverageLanes(LaneSet lanes, Func<AverageRecipe, string, CancellationToken, IModelRunner> make, BuildQueue queue,
    ChannelWriter<EngineCommand> commands)
{
    private readonly Dictionary<AverageRecipe, Entry> entries = [];
    private readonly AverageBuilds builds = new(make, queue, commands);

    /// <summary>The average's lane, or null while it is being built; the first to ask begins that.</summary>
    public Lane? Find(AverageRecipe recipe, string name)
    {
        if (entries.TryGetValue(recipe, out var entry)) return entry.Lane;
        entries[recipe] = entry = new Entry();
        builds.Start(recipe, name, entry, entry.Cancellation.Token);
        return null;
    }

    /// <summary>Begins every average that a request could ask for, so that none waits for its own.</summary>
    public void Prepare(ForestSnapshot snapshot)
    {
        foreach (var key in snapshot.AverageKeys) Find(snapshot.Recipe(key)!, key.ToString());
    }

    /// <summary>Retires the averages that a snapshot does not have, and stops building them.</summary>
    public void Keep(ForestSnapshot snapshot)
    {
        var kept = snapshot.AverageKeys.Select(k => snapshot.Recipe(k)!).ToHashSet();
        foreach (var (recipe, entry) in entries.Where(e => !kept.Contains(e.Key)).ToList())
        {
            entries.Remove(recipe);
            entry.Cancellation.Cancel();
            if (entry.Lane is not null) lanes.Retire(entry.Lane);
        }
    }

    /// <summary>Lanes whose recipe has one of some models.</summary>
    public IEnumerable<Lane> With(IReadOnlyCollection<ServedModel> models) =>
        entries.Where(e => e.Value.Lane is not null && models.Any(e.Key.Contains)).Select(e => e.Value.Lane!);

    /// <summary>An average is ready, or could not be made.</summary>
    /// <returns>True if requests that wait for it must fail.</returns>
    public bool Complete(EngineCommand.AverageReady ready)
    {
        if (!entries.TryGetValue(ready.Recipe, out var entry) || !ReferenceEquals(entry, ready.Build))
        {
            ready.Model?.ReleaseBeside();
            return false;
        }

        if (ready.Model is not null)
        {
            entry.Lane = lanes.AddAverage(ready.Model);
            return false;
        }

        entries.Remove(ready.Recipe);
        return true;
    }

    /// <summary>After the loop's end.</summary>
    public void Cancel()
    {
        foreach (var entry in entries.Values) entry.Cancellation.Cancel();
    }

    private sealed class Entry
    {
        public CancellationTokenSource Cancellation { get; } = new();

        /// <summary>Null: being built.</summary>
        public Lane? Lane { get; set; }
    }
}

/// <summary>Makes averaged models; each comes back as a command.</summary>
internal sealed class AverageBuilds(Func<AverageRecipe, string, CancellationToken, IModelRunner> make, BuildQueue queue,
    ChannelWriter<EngineCommand> commands)
{
    /// <summary>Holds the experts while it reads their weights: whoever asked may be gone, and the engine too, before it is done.</summary>
    /// <param name="build">Comes back with the result.</param>
    public void Start(AverageRecipe recipe, string name, object build, CancellationToken cancellation)
    {
        foreach (var (model, _) in recipe.Terms) model.Hold();
        IModelRunner? runner = null;
        Exception? problem = null;
        queue.Start(
            () =>
            {
                try
                {
                    cancellation.ThrowIfCancellationRequested();
                    runner = make(recipe, name, cancellation);
                }
                catch (Exception e)
                {
                    problem = e;
                }
            },
            _ =>
            {
                var result = new EngineCommand.AverageReady(recipe, build, runner is null ? null : new ServedModel(name, runner), problem);
                if (!commands.TryWrite(result)) result.Model?.Release(); // the loop has ended
                foreach (var (model, _) in recipe.Terms) model.ReleaseBeside();
            });
    }
}
