using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Sessions;

namespace Btx.Engine.Loop;

/// <summary>
/// Makes the fast sessions of models that were opened for a quick start; each comes back as a command. A model for which that fails goes
/// on with the sessions it has.
/// </summary>
/// <param name="report">Receives such a failure.</param>
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
                    model.ReleaseBeside();
                    return;
                }

                var ready = new EngineCommand.SessionsReady(model, sessions);
                if (!commands.TryWrite(ready)) Finish(ready); // the loop has ended
            });
    }

    /// <summary>Frees the sessions that do not run and gives the command's hold back, both off this thread.</summary>
    public static void Finish(EngineCommand.SessionsReady ready) =>
        BuildQueue.Releases.Start(ready.Sessions.Dispose, _ => ready.Model.ReleaseBeside());
}
