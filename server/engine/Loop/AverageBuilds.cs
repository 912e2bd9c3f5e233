using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Sessions;

namespace Btx.Engine.Loop;

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
        Exception? fault = null;
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
                    fault = e;
                }
            },
            _ =>
            {
                var result = new EngineCommand.AverageReady(recipe, build, runner is null ? null : new ServedModel(name, runner), fault);
                if (!commands.TryWrite(result)) result.Model?.Release(); // the loop has ended
                foreach (var (model, _) in recipe.Terms) model.ReleaseBeside();
            });
    }
}
