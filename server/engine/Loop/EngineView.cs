using Btx.Engine.Scheduling;

namespace Btx.Engine.Loop;

/// <summary>The loop's state at one moment, copied: what the invariants look at.</summary>
internal sealed record EngineView(
    IReadOnlyList<EngineView.LaneView> Lanes, IReadOnlyList<EngineView.SequenceView> Running, int Waiting, int QueueCapacity, int Leases, int ContextLength)
{
    /// <param name="Used">Per slot.</param>
    internal sealed record LaneView(string Name, IReadOnlyList<bool> Used, int Free);

    internal sealed record SequenceView(long Id, SequencePhase Phase, int Length, int Observed, IReadOnlyList<MemberView> Members, double WeightSum);

    internal sealed record MemberView(string Lane, int Slot, int Cached, bool Active);
}
