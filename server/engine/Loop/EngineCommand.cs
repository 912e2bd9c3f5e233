using Btx.Engine.Forests;
using Btx.Engine.Scheduling;

namespace Btx.Engine.Loop;

/// <summary>What other threads may ask of the loop.</summary>
internal abstract record EngineCommand
{
    /// <summary>Look at cancellations.</summary>
    public static EngineCommand Wake { get; } = new WakeUp();

    public sealed record Submit(Sequence Sequence) : EngineCommand;

    public sealed record AverageReady(AverageKey Key, Lane? Lane, Exception? Fault) : EngineCommand;

    /// <summary>Completes when nothing runs or waits any more.</summary>
    public sealed record Drain(TaskCompletionSource Empty) : EngineCommand;

    public sealed record CancelAll : EngineCommand;

    public sealed record Inspect(TaskCompletionSource<EngineView> View) : EngineCommand;

    public sealed record Stop : EngineCommand;

    private sealed record WakeUp : EngineCommand;
}
