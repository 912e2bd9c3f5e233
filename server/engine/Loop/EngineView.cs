using Btx.Engine.Forests;
using Btx.Engine.Scheduling;

namespace Btx.Engine.Loop;

/// <summary>The loop's state at one moment, copied: what the invariants look at.</summary>
/// <param name="Resuming">Sequences that ran and wait to prefill anew.</param>
internal sealed record EngineView(IReadOnlyList<EngineView.LaneView> Lanes, IReadOnlyList<EngineView.SequenceView> Running, int Waiting,
    int QueueCapacity, int Leases, int ContextLength, int Resuming = 0)
{
    public static EngineView Of(IReadOnlyList<Lane> lanes, List<Sequence> running, Admission admission, QueueGate gate,
        ForestSnapshot snapshot)
    {
        var names = new Dictionary<Lane, string>();
        foreach (var lane in lanes) names[lane] = lane.Retired ? $"{lane.Name} (retired, {names.Count})" : lane.Name;
        return new EngineView(
            [.. lanes.Select(l =>
                new LaneView(names[l], [.. Enumerable.Range(0, l.Slots.Count).Select(l.Slots.IsUsed)], l.Slots.Free, l.Users, l.Retired))],
            [.. running.Select(s => new SequenceView(
                s.Id, s.Phase, s.Length, s.Observed,
                [.. s.Members.Select(m => new MemberView(names.GetValueOrDefault(m.Lane, $"{m.Lane.Name} (dropped)"), m.Slot, m.Cached,
                    m.Active))], s.Weights.Sum()))],
            admission.Waiting.Count, Math.Max(1, gate.Capacity), snapshot.Leases, snapshot.Description.ContextLength,
                admission.Resuming.Count);
    }

    /// <param name="Used">Per slot.</param>
    /// <param name="Users">Sequences that have it among their members.</param>
    /// <param name="Retired">Its model left the forest.</param>
    internal sealed record LaneView(string Name, IReadOnlyList<bool> Used, int Free, int Users = int.MaxValue, bool Retired = false);

    internal sealed record SequenceView(long Id, SequencePhase Phase, int Length, int Observed, IReadOnlyList<MemberView> Members,
        double WeightSum);

    internal sealed record MemberView(string Lane, int Slot, int Cached, bool Active);
}
