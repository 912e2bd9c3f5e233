using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Sessions;

namespace Btx.Engine.Loop;

/// <summary>Makes averaged models off the loop's thread, one after the other; each comes back as a command.</summary>
internal sealed class AverageBuilds(Func<AverageRecipe, string, CancellationToken, IModelRunner> make, ChannelWriter<EngineCommand> commands)
{
    private Task last = Task.CompletedTask;

    /// <summary>Holds the experts while it reads their weights: whoever asked may be gone, and the engine too, before it is done.</summary>
    /// <param name="build">Comes back with the result.</param>
    public void Start(AverageRecipe recipe, string name, object build, CancellationToken cancellation)
    {
        foreach (var (model, _) in recipe.Terms) model.Hold();
        last = last.ContinueWith(_ => Build(recipe, name, build, cancellation), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private void Build(AverageRecipe recipe, string name, object build, CancellationToken cancellation)
    {
        EngineCommand.AverageReady result;
        try
        {
            cancellation.ThrowIfCancellationRequested();
            result = new EngineCommand.AverageReady(recipe, build, new ServedModel(name, make(recipe, name, cancellation)), null);
        }
        catch (Exception e)
        {
            result = new EngineCommand.AverageReady(recipe, build, null, e);
        }

        if (!commands.TryWrite(result)) result.Model?.Release(); // the loop has ended
        foreach (var (model, _) in recipe.Terms) model.Release();
    }
}
