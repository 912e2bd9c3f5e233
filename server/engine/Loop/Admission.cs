namespace Btx.Engine.Loop;

/// <summary>Counts the requests that wait for slots; refuses more than it may hold. Thread-safe.</summary>
internal sealed class QueueGate(int capacity)
{
    private int waiting;

    public int Capacity => capacity;

    public int Waiting => Volatile.Read(ref waiting);

    /// <summary>False if the queue is full. A request that can start at once passes through it too, so 0 still lets one wait.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref waiting) <= Math.Max(1, capacity)) return true;
        Interlocked.Decrement(ref waiting);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref waiting);
}

/// <summary>Gives waiting requests their slots, first come first served; one for an average being built lets others pass.</summary>
internal sealed class Admission(LaneSet lanes, AverageLanes averages, QueueGate gate)
{
    public List<Sequence> Waiting { get; } = [];

    /// <summary>Sequences that ran and must prefill again after a change of the forest; they go before those that wait.</summary>
    public List<Sequence> Resuming { get; } = [];

    /// <summary>Those that wait for an average.</summary>
    public List<Sequence> WaitingFor(AverageRecipe recipe) => [.. Waiting.Concat(Resuming).Where(s =>
        s.Members.Length == 0 && AverageKey.Of(s.Routing) is { } key && recipe.Equals(s.Lease.Snapshot.Recipe(key)))];

    public void Reap(SequenceReporter reporter)
    {
        foreach (var s in Waiting.Concat(Resuming).Where(s => s.IsCancelled)) reporter.End(s, FinishReason.Cancelled);
        Sweep();
    }

    public void Sweep()
    {
        Waiting.RemoveAll(static s => s.Phase == SequencePhase.Finished);
        Resuming.RemoveAll(static s => s.Phase == SequencePhase.Finished);
    }

    /// <summary>Moves every request that can start to <paramref name="running"/>.</summary>
    public void Admit(List<Sequence> running, long now)
    {
        if (Admit(Resuming, running, now)) Admit(Waiting, running, now);
    }

    /// <summary>Gives a request its members, without slots.</summary>
    /// <returns>False if the average that it asks for is still being built.</returns>
    public bool TryJoin(Sequence s)
    {
        var snapshot = s.Lease.Snapshot;
        var single = s.IsTokenRouted ? lanes.Moe : SingleExpert(s.Routing, snapshot);
        if (AverageKey.Of(s.Routing) is { } key)
        {
            var recipe = snapshot.Recipe(key)!;
            single = averages.Find(recipe, key.ToString());
            if (single is null) return false;
            s.AverageShares = new double[s.Forest.Experts.Count];
            foreach (var expert in snapshot.Experts)
                if (IndexOf(s.Forest.Experts, expert.Name) is >= 0 and var j)
                    s.AverageShares[j] = recipe.Terms.FirstOrDefault(t => t.Model == expert.Model).Weight;
        }

        if (single is null) JoinAll(s, snapshot);
        else s.Members = [Member(s, single, scores: s.IsScore)];
        if (s.IsTokenRouted) s.RoutedTokens = new long[lanes.Moe!.Load!.Experts];
        return true;
    }

    private bool Admit(List<Sequence> queue, List<Sequence> running, long now)
    {
        for (var i = 0; i < queue.Count;)
        {
            var s = queue[i];
            if (s.Members.Length == 0 && !TryJoin(s))
            {
                i++;
                continue;
            }

            if (!TakeSlots(s)) return false;
            queue.RemoveAt(i);
            if (s.Admitted is null)
            {
                gate.Leave();
                s.Admitted = now;
            }

            s.Enter(SequencePhase.Prefill);
            running.Add(s);
        }

        return true;
    }

    private void JoinAll(Sequence s, ForestSnapshot snapshot)
    {
        var prior = snapshot.Prior(s.Routing.PriorDomain);
        s.Members = new Member[snapshot.Experts.Count];
        for (var m = 0; m < s.Members.Length; m++)
        {
            s.Members[m] = Member(s, lanes.Of(snapshot.Experts[m].Model), s.IsScore || !s.HasFixedPosterior);
            s.Members[m].Prior = prior[m];
        }

        s.BeginPosterior();
        if (s.Selects && s.HasFixedPosterior) ExpertChoice.Apply(s, previous: false);
    }

    private static Member Member(Sequence s, Lane lane, bool scores) =>
        new(lane, lane.Expert < 0 ? -1 : IndexOf(s.Forest.Experts, lane.Name), s.Tokens.Length, scores);

    private Lane? SingleExpert(Routing routing, ForestSnapshot snapshot) => routing switch
    {
        { Mode: RoutingMode.Expert } => lanes.Of(snapshot.Experts[IndexOf(snapshot.Description.Experts, routing.Expert!)].Model),
        { Mode: RoutingMode.Average, AverageName: null, Average: AverageWeights.Argmax } =>
            lanes.Of(snapshot.Experts[ActiveSet.Largest(snapshot.Prior(routing.AverageDomain))].Model),
        _ => null,
    };

    private static int IndexOf(IReadOnlyList<string> names, string name)
    {
        for (var j = 0; j < names.Count; j++)
            if (names[j] == name) return j;
        return -1;
    }

    private static bool TakeSlots(Sequence s)
    {
        foreach (var member in s.Members)
            if (member.Active && member.Lane.Slots.Free == 0) return false;
        foreach (var member in s.Members)
            if (member.Active) member.Slot = member.Lane.Slots.Take();
        return true;
    }
}
