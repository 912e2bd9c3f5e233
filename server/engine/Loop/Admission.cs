using Btx.Engine.Forests;
using Btx.Engine.Scheduling;
using Btx.Model.Mixing;

namespace Btx.Engine.Loop;

/// <summary>Gives waiting requests their slots, first come first served. A request for an average that is still being built lets others pass.</summary>
/// <param name="mixture">Null without a BTX model.</param>
internal sealed class Admission(IReadOnlyList<Lane> experts, Lane? mixture, List<Lane> lanes, QueueGate gate, AverageBuilds builds)
{
    private readonly Dictionary<AverageKey, Lane?> averages = []; // null: being built

    public List<Sequence> Waiting { get; } = [];

    /// <summary>Begins every average that a request could ask for, so that none waits for its own.</summary>
    public void Prepare(ForestSnapshot snapshot)
    {
        foreach (var key in snapshot.Description.PriorDomains.Select(d => new AverageKey(d)).Prepend(new AverageKey((string?)null)))
        {
            averages[key] = null;
            builds.Start(key, snapshot);
        }
    }

    /// <summary>An average is ready, or could not be made.</summary>
    /// <returns>The requests that fail because of it; they are no longer waiting.</returns>
    public IReadOnlyList<Sequence> Complete(AverageKey key, Lane? lane)
    {
        if (lane is not null)
        {
            averages[key] = lane;
            lanes.Add(lane);
            return [];
        }

        averages.Remove(key);
        var failed = Waiting.Where(s => AverageKey.Of(s.Routing) == key).ToList();
        Waiting.RemoveAll(failed.Contains);
        return failed;
    }

    /// <summary>Moves every request that can start from <see cref="Waiting"/> to <paramref name="running"/>.</summary>
    public void Admit(List<Sequence> running, long now)
    {
        var i = 0;
        while (i < Waiting.Count)
        {
            var s = Waiting[i];
            var average = AverageKey.Of(s.Routing);
            if (average is not null && !IsBuilt(average, s))
            {
                i++;
                continue;
            }

            if (s.Members.Length == 0) Join(s, average);
            if (!TakeSlots(s)) return;
            Waiting.RemoveAt(i);
            gate.Leave();
            s.Admitted = now;
            s.Phase = SequencePhase.Prefill;
            running.Add(s);
        }
    }

    private bool IsBuilt(AverageKey key, Sequence s)
    {
        if (averages.TryGetValue(key, out var lane)) return lane is not null;
        averages[key] = null;
        builds.Start(key, s.Lease.Snapshot);
        return false;
    }

    private void Join(Sequence s, AverageKey? average)
    {
        var snapshot = s.Lease.Snapshot;
        var single = s.IsRouted ? mixture : average is not null ? averages[average] : SingleExpert(s.Routing, snapshot);
        var capacity = s.Tokens.Length;
        if (single is not null)
        {
            s.Members = [new Member(single, capacity, s.IsScore)];
        }
        else
        {
            var scores = s.IsScore || s.Routing.Posterior != PosteriorKind.Fixed;
            s.Members = new Member[experts.Count];
            for (var m = 0; m < experts.Count; m++) s.Members[m] = new Member(experts[m], capacity, scores);
            s.Posterior = new DomainPosterior(snapshot.Prior(s.Routing.PriorDomain), s.Routing.Posterior, s.Routing.SwitchingRate);
        }

        if (s.IsRouted) s.RoutedTokens = new long[single!.Load!.Experts];
        s.Active = new bool[s.Members.Length];
        Array.Fill(s.Active, true);
        s.Weights = new double[s.Members.Length];
        if (s.Posterior is null) s.Weights[0] = 1;
        else s.Posterior.Weights(s.Weights);
        if (s.Selects && s.Routing.Posterior == PosteriorKind.Fixed) ExpertChoice.Apply(s, previous: false);
    }

    private Lane? SingleExpert(Routing routing, ForestSnapshot snapshot)
    {
        if (routing.Mode == RoutingMode.Expert) return experts[snapshot.Description.Experts.ToList().IndexOf(routing.Expert!)];
        if (routing is not { Mode: RoutingMode.Average, Average: AverageWeights.Argmax }) return null;
        return experts[ActiveSet.Largest(snapshot.Prior(routing.AverageDomain))];
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
