namespace Btx.Engine.Loop;

/// <summary>The loop's state at one moment, copied: what the invariants look at.</summary>
/// <param name="Resuming">Sequences that ran and wait to prefill again.</param>
internal sealed record EngineView(IReadOnlyList<EngineView.LaneView> Lanes, IReadOnlyList<EngineView.SequenceView> Running, int Waiting,
    int QueueCapacity, int Leases, int ContextLength, int Resuming = 0)
{
    public static EngineView Of(IReadOnlyList<Lane> lanes, List<Sequence> running, Admission admission, QueueGate gate,
        ForestSnapshot snapshot)
    {
        var names = new Dictionary<Lane, string>();
        foreach (var lane in lanes) names[lane] = lane.Retired ? $"{lane.Name} (retired, {names.Count})" : lane.Name;
        MemberView Member(Member m) => new(names.GetValueOrDefault(m.Lane, $"{m.Lane.Name} (dropped)"), m.Slot, m.Cached, m.Active);
        LaneView Lane(Lane l) =>
            new(names[l], [.. Enumerable.Range(0, l.Slots.Count).Select(l.Slots.IsUsed)], l.Slots.Free, l.Users, l.Retired);
        SequenceView Sequence(Sequence s) =>
            new(s.Id, s.Phase, s.Length, s.Observed, [.. s.Members.Select(Member)], s.Members.Sum(m => m.Weight));
        return new EngineView([.. lanes.Select(Lane)], [.. running.Select(Sequence)], admission.Waiting.Count, Math.Max(1, gate.Capacity),
            snapshot.Leases, snapshot.Description.ContextLength, admission.Resuming.Count);
    }

    /// <param name="Users">Sequences that have it among their members.</param>
    internal sealed record LaneView(string Name, IReadOnlyList<bool> Used, int Free, int Users = int.MaxValue, bool Retired = false);

    internal sealed record SequenceView(long Id, SequencePhase Phase, int Length, int Observed, IReadOnlyList<MemberView> Members,
        double WeightSum);

    internal sealed record MemberView(string Lane, int Slot, int Cached, bool Active);
}

/// <summary>What must hold between steps: slots, lengths, leases. Run in every engine test and when the loop falls idle.</summary>
internal static class EngineInvariants
{
    /// <returns>Each broken rule in a sentence; empty if all hold.</returns>
    public static IReadOnlyList<string> Problems(EngineView view)
    {
        var problems = new List<string>();
        var owners = new Dictionary<(string Lane, int Slot), long>();
        foreach (var s in view.Running)
        {
            SequenceProblems(s, view.ContextLength, problems);
            foreach (var m in s.Members.Where(m => m.Slot >= 0))
                if (!owners.TryAdd((m.Lane, m.Slot), s.Id))
                    problems.Add($"slot {m.Slot} of {m.Lane} belongs to sequences {owners[(m.Lane, m.Slot)]} and {s.Id}");
        }

        foreach (var lane in view.Lanes)
        {
            var used = lane.Used.Count(u => u);
            if (used + lane.Free != lane.Used.Count)
                problems.Add($"{lane.Name}: {used} used and {lane.Free} free slots of {lane.Used.Count}");
            if (used > lane.Users) problems.Add($"{lane.Name}: {used} slots used by {lane.Users} sequences");
            for (var slot = 0; slot < lane.Used.Count; slot++)
                if (lane.Used[slot] != owners.ContainsKey((lane.Name, slot)))
                    problems.Add($"slot {slot} of {lane.Name} is {(lane.Used[slot] ? "used by nobody" : "owned but free")}");
        }

        if (view.Waiting > view.QueueCapacity) problems.Add($"{view.Waiting} requests wait; the queue holds {view.QueueCapacity}");
        if (view.Leases < view.Running.Count + view.Resuming + view.Waiting)
            problems.Add($"{view.Leases} leases for {view.Running.Count} running, {view.Resuming} resuming and {view.Waiting} waiting "
                + "requests");
        return problems;
    }

    private static void SequenceProblems(EngineView.SequenceView s, int context, List<string> problems)
    {
        if (s.Phase is SequencePhase.Queued or SequencePhase.Finished) problems.Add($"sequence {s.Id} runs in phase {s.Phase}");
        if (s.Length > context) problems.Add($"sequence {s.Id} has {s.Length} tokens; the context is {context}");
        if (s.Observed >= s.Length) problems.Add($"sequence {s.Id} observed {s.Observed} of {s.Length} tokens");
        if (!(Math.Abs(s.WeightSum - 1) < 1e-9)) problems.Add($"sequence {s.Id} has weights that sum to {s.WeightSum}");
        foreach (var m in s.Members)
        {
            if (m.Lane.EndsWith("(dropped)", StringComparison.Ordinal)) problems.Add($"sequence {s.Id} is a member of {m.Lane}");
            if (m.Active && m.Slot < 0) problems.Add($"sequence {s.Id} is active on {m.Lane} without a slot");
            if (m.Cached < 0 || m.Cached >= s.Length)
                problems.Add($"sequence {s.Id} has {m.Cached} of {s.Length} tokens cached on {m.Lane}");
            if (s.Phase == SequencePhase.Decode && m.Active && m.Cached != s.Length - 1)
                problems.Add($"sequence {s.Id} decodes with {m.Cached} of {s.Length - 1} tokens cached on {m.Lane}");
        }
    }
}
