using Btx.Engine.Requests;

namespace Btx.Engine.Loop;

/// <summary>What becomes of a command that the loop no longer takes.</summary>
internal static class RefusedCommand
{
    /// <summary>Answers a command that came after the end, and frees what it carries.</summary>
    /// <param name="fault">Why the loop ended; null: it was told to.</param>
    public static void Answer(EngineCommand command, Exception? fault, SequenceEnding ending)
    {
        switch (command)
        {
            case EngineCommand.Submit submit:
                ending.End(submit.Sequence, fault is null ? FinishReason.Cancelled : FinishReason.Failed, fault, null, waited: true);
                break;
            case EngineCommand.AverageReady { Model: { } model }:
                model.Release();
                break;
            case EngineCommand.SessionsReady ready:
                SessionStaging.Finish(ready);
                break;
            case EngineCommand.Swap swap:
                swap.Next.Retire();
                swap.Done.TrySetException(fault ?? new RequestRejectedException(RejectionReason.ShuttingDown,
                    "the server is shutting down; the forest was not changed"));
                break;
            case EngineCommand.Drain drain:
                drain.Empty.TrySetResult();
                break;
            case EngineCommand.Inspect inspect:
                inspect.View.TrySetCanceled();
                break;
        }
    }
}
