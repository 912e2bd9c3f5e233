using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Scheduling;

namespace Btx.Engine.Loop;

/// <summary>Makes averaged models off the loop's thread; each comes back as a command.</summary>
/// <param name="slots">KV slots of the new lane.</param>
internal sealed class AverageBuilds(int slots, ChannelWriter<EngineCommand> commands)
{
    public void Start(AverageKey key, ForestSnapshot from) => Task.Run(() =>
    {
        EngineCommand result;
        try
        {
            result = new EngineCommand.AverageReady(key, new Lane(key.ToString(), -1, from.BuildAverage(key), slots), null);
        }
        catch (Exception e)
        {
            result = new EngineCommand.AverageReady(key, null, e);
        }

        commands.TryWrite(result);
    });
}
