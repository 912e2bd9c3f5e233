using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Scheduling;
using Btx.Engine.Sessions;

namespace Btx.Engine.Loop;

/// <summary>What other threads may ask of the loop.</summary>
internal abstract record EngineCommand
{
    /// <summary>Look at cancellations.</summary>
    public static EngineCommand Wake { get; } = new WakeUp();

    public sealed record Submit(Sequence Sequence) : EngineCommand;

    /// <param name="Build">As it was begun.</param>
    /// <param name="Model">With a hold; null: it could not be made.</param>
    public sealed record AverageReady(AverageRecipe Recipe, object Build, ServedModel? Model, Exception? Error) : EngineCommand;

    /// <param name="Model">With a hold.</param>
    public sealed record SessionsReady(ServedModel Model, IStagedSessions Sessions) : EngineCommand;

    /// <summary>Serve another forest from the next step on.</summary>
    /// <param name="Asked">Timestamp.</param>
    /// <param name="Done">Completes when what left the forest is freed.</param>
    public sealed record Swap(ForestSnapshot Next, InFlightPolicy Policy, long Asked, TaskCompletionSource<SwapReport> Done)
        : EngineCommand;

    /// <summary>Completes when nothing runs or waits any more.</summary>
    public sealed record Drain(TaskCompletionSource Empty) : EngineCommand;

    public sealed record CancelAll : EngineCommand;

    public sealed record Inspect(TaskCompletionSource<EngineView> View) : EngineCommand;

    public sealed record Stop : EngineCommand;

    private sealed record WakeUp : EngineCommand;
}

/// <summary>What becomes of a command that the loop no longer takes.</summary>
internal static class RefusedCommand
{
    /// <summary>Answers a command that came after the end, and frees what it carries.</summary>
    /// <param name="problem">Why the loop ended; null: it was told to.</param>
    public static void Answer(EngineCommand command, Exception? problem, SequenceEnding ending)
    {
        switch (command)
        {
            case EngineCommand.Submit submit:
                ending.End(submit.Sequence, problem is null ? FinishReason.Cancelled : FinishReason.Failed, problem, null, waited: true);
                break;
            case EngineCommand.AverageReady { Model: { } model }:
                model.Release();
                break;
            case EngineCommand.SessionsReady ready:
                SessionStaging.Finish(ready);
                break;
            case EngineCommand.Swap swap:
                swap.Next.Retire();
                swap.Done.TrySetException(problem ?? new RequestRejectedException(RejectionReason.ShuttingDown,
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
