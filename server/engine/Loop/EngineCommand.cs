namespace Btx.Engine.Loop;

/// <summary>What other threads may ask of the loop.</summary>
internal abstract record EngineCommand
{
    public static EngineCommand Wake { get; } = new WakeUp();

    public sealed record Submit(Sequence Sequence) : EngineCommand;

    /// <param name="Model">With a hold; null: it could not be made.</param>
    public sealed record AverageReady(AverageRecipe Recipe, object Build, ServedModel? Model, Exception? Error) : EngineCommand;

    public sealed record SessionsReady(ServedModel Model, IStagedSessions Sessions) : EngineCommand;

    /// <summary>Serve another forest from the next step on.</summary>
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
