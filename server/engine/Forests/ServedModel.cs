namespace Btx.Engine.Forests;

/// <summary>A model with its sessions, KV cache and weights, shared by count between snapshots, lanes and builders of averages: a change of
/// the forest makes only what is new. Freed when the last of them lets go. Thread-safe but for the runner.</summary>
/// <param name="checkpoint">The weights that averages are made from; owned by the runner. Null where there is none.</param>
internal sealed class ServedModel(string name, IModelRunner runner, Checkpoint? checkpoint = null,
    IReadOnlyList<PrivateCopy>? copies = null)
{
    private readonly TaskCompletionSource freed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int holders = 1;

    public string Name => name;

    public IModelRunner Runner => runner;

    public Checkpoint? Checkpoint => checkpoint;

    /// <summary>What its weights are read from; owned by the runner.</summary>
    public IReadOnlyList<PrivateCopy> Copies { get; } = copies ?? [.. checkpoint?.Files.Select(f => f.Copy).OfType<PrivateCopy>() ?? []];

    public int Holders => Volatile.Read(ref holders);

    /// <summary>Completes when sessions, cache and weights are gone.</summary>
    public Task Freed => freed.Task;

    /// <summary>For one holder more, while there is one.</summary>
    public ServedModel Hold()
    {
        if (Interlocked.Increment(ref holders) <= 1) throw new InvalidOperationException($"{name} is freed already");
        return this;
    }

    /// <summary>Lets go; the last to do so frees the model, which takes milliseconds.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref holders) != 0) return;
        try
        {
            runner.Dispose();
            freed.SetResult();
        }
        catch (Exception e)
        {
            freed.SetException(e);
            throw;
        }
    }

    /// <summary>Lets go; if it was the last hold, the model is freed on another thread: no work for the loop.</summary>
    public void ReleaseInBackground()
    {
        if (Interlocked.Decrement(ref holders) != 0) return;
        BuildQueue.Releases.Start(
            runner.Dispose,
            problem =>
            {
                if (problem is null) freed.SetResult();
                else freed.SetException(problem);
            });
    }
}
