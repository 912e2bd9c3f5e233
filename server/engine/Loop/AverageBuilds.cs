using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Scheduling;

namespace Btx.Engine.Loop;

/// <summary>Makes averaged models off the loop's thread, one after the other; each comes back as a command.</summary>
/// <param name="slots">KV slots of the new lane.</param>
internal sealed class AverageBuilds(int slots, ChannelWriter<EngineCommand> commands)
{
    private Task last = Task.CompletedTask;

    /// <summary>Holds a lease while it reads the experts' weights: whoever asked may be gone, and the engine too, before it is done.</summary>
    public void Start(AverageKey key, ForestSnapshot from)
    {
        var lease = from.Lease();
        last = last.ContinueWith(_ => Build(key, lease), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private void Build(AverageKey key, SnapshotLease lease)
    {
        EngineCommand.AverageReady result;
        try
        {
            result = new EngineCommand.AverageReady(key, new Lane(key.ToString(), -1, lease.Snapshot.BuildAverage(key), slots), null);
        }
        catch (Exception e)
        {
            result = new EngineCommand.AverageReady(key, null, e);
        }

        if (!commands.TryWrite(result)) result.Lane?.Runner.Dispose(); // the loop has ended
        lease.Return();
    }
}
