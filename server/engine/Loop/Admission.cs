using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Scheduling;
using Btx.Model.Mixing;

namespace Btx.Engine.Loop;

/// <summary>Gives waiting requests their slots, first come first served. A request for an average that
/// is still being built lets others pass.</summary>
internal sealed class Admission(LaneSet lanes, AverageLanes averages, QueueGate gate)
{
    public List<Sequence> Waiting { get; } = [];

    /// <summary>Sequences that ran and must prefill anew after a change of the forest; they go before those that wait.</summary>
    public List<Sequence> Resuming { get; } = [];

    /// <summary>Takes out the requests that wait for an average.</summary>
    public IReadOnlyList<Sequence> RemoveWaitingFor(AverageRecipe recipe)
    {
        var failed = Waiting.Concat(Resuming).Where(s =>
            s.Members.Length == 0 && AverageKey.Of(s.Routing) is { } key && recipe.Equals(s.Lease.Snapshot.Recipe(key))).ToList();
        Waiting.RemoveAll(failed.Contains);
        Resuming.RemoveAll(failed.Contains);
        return failed;
    }

    /// <summary>Ends what was cancelled.</summary>
    public void Reap(SequenceEnding ending)
    {
        Reap(Resuming, ending, waited: false);
        Reap(Waiting, ending, waited: true);
    }

    /// <summary>Moves every request that can start to <paramref name="running"/>.</summary>
    public void Admit(List<Sequence> running, long now)
    {
        if (Admit(Resuming, running, now, waited: false)) Admit(Waiting, running, now, waited: true);
    }

    /// <summary>Gives a request its members, without slots.</summary>
    /// <returns>False if the average that it asks for is still being built.</returns>
    public bool TryJoin(Sequence s)
    {
        var snapshot = s.Lease.Snapshot;
        var single = s.IsRouted ? lanes.Moe : SingleExpert(s.Routing, snapshot);
        if (AverageKey.Of(s.Routing) is { } key)
        {
            var recipe = snapshot.Recipe(key)!;
            single = averages.Find(recipe, key.ToString());
            if (single is null) return false;
            s.AverageShares = new double[s.Forest.Experts.Count];
            foreach (var expert in snapshot.Experts)
            {
                if (IndexOf(s.Forest.Experts, expert.Name) is >= 0 and var j)
                    s.AverageShares[j] = recipe.Terms.FirstOrDefault(t => t.Model == expert.Model).Weight;
            }
        }

        if (single is not null) JoinOne(s, single);
        else JoinAll(s, snapshot);
        return true;
    }

    /// <summary>Undoes <see cref="TryJoin"/>.</summary>
    public static void Unjoin(Sequence s)
    {
        foreach (var member in s.Members) member.Leave();
        (s.Members, s.Posterior, s.Prior, s.AverageShares) = ([], null, [], []);
        s.Observed = 0;
    }

    private static void Reap(List<Sequence> queue, SequenceEnding ending, bool waited)
    {
        for (var i = queue.Count - 1; i >= 0; i--)
        {
            var s = queue[i];
            if (!s.IsCancelled) continue;
            queue.RemoveAt(i);
            ending.End(s, FinishReason.Cancelled, null, null, waited);
        }
    }

    private bool Admit(List<Sequence> queue, List<Sequence> running, long now, bool waited)
    {
        var i = 0;
        while (i < queue.Count)
        {
            var s = queue[i];
            if (s.Members.Length == 0 && !TryJoin(s))
            {
                i++;
                continue;
            }

            if (!TakeSlots(s)) return false;
            queue.RemoveAt(i);
            if (waited)
            {
                gate.Leave();
                s.Admitted = now;
            }

            s.Phase = SequencePhase.Prefill;
            running.Add(s);
        }

        return true;
    }

    private static void JoinOne(Sequence s, Lane lane)
    {
        s.Members = [Member(s, lane, scores: s.IsScore)];
        if (s.IsRouted) s.RoutedTokens = new long[lane.Load!.Experts];
        s.Active = [true];
        s.Weights = [1];
    }

    private void JoinAll(Sequence s, ForestSnapshot snapshot)
    {
        var scores = s.IsScore || s.Routing.Posterior != PosteriorKind.Fixed;
        s.Members = new Member[snapshot.Experts.Count];
        for (var m = 0; m < s.Members.Length; m++) s.Members[m] = Member(s, lanes.Of(snapshot.Experts[m].Model), scores);
        s.Prior = snapshot.Prior(s.Routing.PriorDomain);
        s.Posterior = new DomainPosterior(s.Prior, s.Routing.Posterior, s.Routing.SwitchingRate);
        s.Active = new bool[s.Members.Length];
        Array.Fill(s.Active, true);
        s.Weights = new double[s.Members.Length];
        s.Posterior.Weights(s.Weights);
        if (s.Selects && s.Routing.Posterior == PosteriorKind.Fixed) ExpertChoice.Apply(s, previous: false);
    }

    private static Member Member(Sequence s, Lane lane, bool scores) =>
        new Member(lane, s.Tokens.Length, scores) { Expert = lane.Expert < 0 ? -1 : IndexOf(s.Forest.Experts, lane.Name) }.Join();

    private Lane? SingleExpert(Routing routing, ForestSnapshot snapshot)
    {
        if (routing.Mode == RoutingMode.Expert)
            return lanes.Of(snapshot.Experts[IndexOf(snapshot.Description.Experts, routing.Expert!)].Model);
        if (routing is not { Mode: RoutingMode.Average, AverageName: null, Average: AverageWeights.Argmax }) return null;
        return lanes.Of(snapshot.Experts[ActiveSet.Largest(snapshot.Prior(routing.AverageDomain))].Model);
    }

    private static int IndexOf(IReadOnlyList<string> names, string name)
    {
        for (var j = 0; j < names.Count; j++)
        {
            if (names[j] == name) return j;
        }

        return -1;
    }

    private static bool TakeSlots(Sequence s)
    {
        foreach (var member in s.Members)
        {
            if (member.Active && member.Lane.Slots.Free == 0) return false;
        }

        foreach (var member in s.Members)
        {
            if (member.Active) member.Slot = member.Lane.Slots.Take();
        }

        return true;
    }
}
