using System.Threading.Channels;

namespace Btx.Engine.Loop;

/// <summary>The averaged models of the current snapshot, by recipe: an equal one keeps its model through a swap.</summary>
internal sealed class AverageLanes(LaneSet lanes, Func<AverageRecipe, string, CancellationToken, IModelRunner> make, BuildQueue queue,
    ChannelWriter<EngineCommand> commands)
{
    private readonly Dictionary<AverageRecipe, Entry> entries = [];

    /// <summary>The average's lane, or null while it is being built; the first to ask begins that.</summary>
    public Lane? Find(AverageRecipe recipe, string name)
    {
        if (entries.TryGetValue(recipe, out var entry)) return entry.Lane;
        entries[recipe] = entry = new Entry();
        Build(recipe, name, entry);
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
            ready.Model?.ReleaseInBackground();
            return false;
        }

        if (ready.Model is null) return entries.Remove(ready.Recipe);
        entry.Lane = lanes.AddAverage(ready.Model);
        return false;
    }

    public void Cancel()
    {
        foreach (var entry in entries.Values) entry.Cancellation.Cancel();
    }

    // Holds the experts while it reads their weights: whoever asked may be gone, and the engine too, before it is done.
    private void Build(AverageRecipe recipe, string name, Entry entry)
    {
        foreach (var (model, _) in recipe.Terms) model.Hold();
        var cancellation = entry.Cancellation.Token;
        IModelRunner? runner = null;
        queue.Start(
            () =>
            {
                cancellation.ThrowIfCancellationRequested();
                runner = make(recipe, name, cancellation);
            },
            error =>
            {
                var result = new EngineCommand.AverageReady(recipe, entry, runner is null ? null : new ServedModel(name, runner), error);
                if (!commands.TryWrite(result)) result.Model?.Release(); // the loop has ended
                foreach (var (model, _) in recipe.Terms) model.ReleaseInBackground();
            });
    }

    private sealed class Entry
    {
        public CancellationTokenSource Cancellation { get; } = new();

        /// <summary>Null: being built.</summary>
        public Lane? Lane { get; set; }
    }
}

/// <summary>Makes fast sessions of models that were opened for a quick start, which go on with what they have where that fails.</summary>
internal sealed class SessionStaging(BuildQueue queue, ChannelWriter<EngineCommand> commands, Action<string>? report)
{
    public void Start(ServedModel model)
    {
        model.Hold();
        IStagedSessions? sessions = null;
        queue.Start(
            () =>
            {
                if (model.Holders > 1) sessions = model.Runner.Stage(); // otherwise it has left meanwhile
            },
            problem =>
            {
                if (problem is not null)
                    report?.Invoke($"{model.Name}: no prepacked weights could be made ({Model.BtxException.OneLine(problem.Message)}); it "
                        + "answers without them, more slowly");
                if (sessions is null)
                {
                    model.ReleaseInBackground();
                    return;
                }

                var ready = new EngineCommand.SessionsReady(model, sessions);
                if (!commands.TryWrite(ready)) Finish(ready); // the loop has ended
            });
    }

    /// <summary>Frees the sessions that do not run and gives the command's hold back, both off this thread.</summary>
    public static void Finish(EngineCommand.SessionsReady ready) =>
        BuildQueue.Releases.Start(ready.Sessions.Dispose, _ => ready.Model.ReleaseInBackground());
}
