using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Sessions;

namespace Btx.Engine.Loop;

/// <summary>
/// Makes the fast sessions of models that were opened for a quick start, off the loop's thread and one after the other; each comes back as
/// a command. A model for which that fails goes on with the sessions it has.
/// </summary>
internal sealed class SessionStaging(ChannelWriter<EngineCommand> commands)
{
    private Task last = Task.CompletedTask;

    public void Start(ServedModel model)
    {
        model.Hold();
        last = last.ContinueWith(_ => Stage(model), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Gives the command's hold back and frees the sessions that do not run; slow.</summary>
    public static void Finish(EngineCommand.SessionsReady ready)
    {
        ready.Sessions.Dispose();
        ready.Model.Release();
    }

    private void Stage(ServedModel model)
    {
        IStagedSessions? sessions = null;
        try
        {
            if (model.Holders > 1) sessions = model.Runner.Stage(); // otherwise it has left meanwhile
        }
        catch (Exception e) when (e is Model.BtxException or OutOfMemoryException)
        {
        }

        if (sessions is null)
        {
            model.Release();
            return;
        }

        var ready = new EngineCommand.SessionsReady(model, sessions);
        if (!commands.TryWrite(ready)) Finish(ready); // the loop has ended
    }
}
