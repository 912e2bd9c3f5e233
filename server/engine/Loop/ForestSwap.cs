using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Scheduling;
using Btx.Model.Mixing;

namespace Btx.Engine.Loop;

/// <summary>Carries what runs and what waits from one snapshot to the next, between two steps. Made for one swap.</summary>
/// <param name="gone">Models that the next snapshot does not have.</param>
internal sealed class ForestSwap(ForestSnapshot next, InFlightPolicy policy, IReadOnlySet<ServedModel> gone, LaneSet lanes,
    AverageLanes averages, Admission admission, SequenceEnding ending)
{
    private readonly HashSet<Lane> leaving = [];
    private int renormalised, refilled, moved, drained, ended, aborted, sessions, slots;
    private long kvBytes, bytes;

    /// <summary>Models of averages that hold something of what left.</summary>
    public IReadOnlyList<ServedModel> Averages { get; private set; } = [];

    /// <param name="running">Those that stay; who must wait for slots goes to the admission's queue.</param>
    public void Apply(ForestSnapshot present, List<Sequence> running)
    {
        foreach (var model in gone) leaving.Add(lanes.Of(model));
        var averaged = averages.With(gone).ToList();
        leaving.UnionWith(averaged);
        Averages = [.. averaged.Select(l => l.Model)];
        Measure();
        foreach (var s in admission.Waiting)
        {
            if (s.Pinned) continue;
            Admission.Unjoin(s);
            if (policy == InFlightPolicy.Drain && IsUnknown(s)) s.Pinned = admission.TryJoin(s);
        }

        lanes.Install(present, next);
        averages.Keep(next);
        foreach (var s in running) Treat(s);
        foreach (var s in admission.Resuming) Treat(s);
        foreach (var s in admission.Waiting) TreatWaiting(s);
        admission.Resuming.RemoveAll(s => s.Phase == SequencePhase.Finished);
        admission.Waiting.RemoveAll(s => s.Phase == SequencePhase.Finished);
        foreach (var s in running)
        {
            if (s.Phase == SequencePhase.Queued) admission.Resuming.Add(s);
        }

        running.RemoveAll(s => s.Phase is SequencePhase.Queued or SequencePhase.Finished);
        foreach (var s in running) Lease(s);
        foreach (var s in admission.Resuming) Lease(s);
        foreach (var s in admission.Waiting) Lease(s);
    }

    /// <summary>A request that was sent while another snapshot was served.</summary>
    /// <returns>False if it asks for what is gone: it has ended.</returns>
    public static bool Admissible(Sequence s, ForestSnapshot current, SequenceEnding ending)
    {
        if (ReferenceEquals(s.Lease.Snapshot, current)) return true;
        if (RequestRules.IsUnknown(s.Routing, current.Description) || MoeFault(s, current) is not null)
        {
            Refuse(s, current, ending, waited: true);
            return false;
        }

        Lease(s, current);
        s.Forest = current.Description;
        return true;
    }

    /// <summary>Reports when all that left is freed.</summary>
    public void Complete(EngineCommand.Swap command, IEnumerable<ServedModel> leaving, TimeSpan pause, TimeProvider time) =>
        _ = Task.WhenAll(leaving.Select(m => m.Freed)).ContinueWith(
        freed =>
        {
            if (freed.Exception is { } e) command.Done.TrySetException(e.InnerExceptions);
            else command.Done.TrySetResult(Report(pause, time.GetElapsedTime(command.Asked)));
        },
        TaskScheduler.Default);

    private void Measure()
    {
        foreach (var lane in leaving)
        {
            sessions += lane.Runner.Sessions;
            slots += lane.Slots.Count - lane.Slots.Free;
            kvBytes += lane.Runner.Memory.KvCache;
            bytes += lane.Runner.Memory.Total;
        }
    }

    private SwapReport Report(TimeSpan pause, TimeSpan total) => new()
    {
        Renormalised = renormalised,
        Refilled = refilled,
        Moved = moved,
        Drained = drained,
        Ended = ended,
        Aborted = aborted,
        Pause = pause,
        Total = total,
        BytesReturned = bytes,
        Sessions = sessions,
        Averages = Averages.Count,
        KvSlots = slots,
        KvBytes = kvBytes,
    };

    private static string? MoeFault(Sequence s, ForestSnapshot snapshot) =>
        s.IsRouted ? RequestRules.RoutingProblem(s.Routing, snapshot.Description)?.Message : null;

    private static void Refuse(Sequence s, ForestSnapshot snapshot, SequenceEnding ending, bool waited)
    {
        var problem = RequestRules.RoutingProblem(s.Routing, snapshot.Description);
        var reason = problem?.Reason == RejectionReason.Damaged ? RejectionReason.Damaged : RejectionReason.NotFound;
        var why = problem?.Message ?? "what the request asks for is gone";
        ending.End(s, FinishReason.Removed, new RequestRejectedException(reason, $"the forest changed while the request waited: {why}"),
            null, waited);
    }

    private static void Lease(Sequence s, ForestSnapshot snapshot)
    {
        var old = s.Lease;
        s.Lease = snapshot.Lease();
        old.Return();
    }

    private void Lease(Sequence s) => Lease(s, next);

    private bool IsUnknown(Sequence s) => RequestRules.IsUnknown(s.Routing, next.Description) || MoeFault(s, next) is not null;

    private void TreatWaiting(Sequence s)
    {
        if (s.Pinned)
        {
            if (!s.Members.Any(m => leaving.Contains(m.Lane))) return;
            if (policy == InFlightPolicy.Drain)
            {
                drained++;
                return;
            }
        }
        else if (!IsUnknown(s))
        {
            s.Forest = next.Description;
            return;
        }

        Refuse(s, next, ending, waited: true);
        ended++;
    }

    private void Treat(Sequence s)
    {
        if (s.Members.Length == 0)
        {
            if (IsUnknown(s)) End(s, Missing(s));
            return;
        }

        var names = s.Members.Where(m => leaving.Contains(m.Lane)).Select(m => m.Lane.Name).ToList();
        if (names.Count == 0) return;
        if (policy == InFlightPolicy.Drain)
        {
            drained++;
            return;
        }

        if (policy == InFlightPolicy.Abort && s.Members.Any(m => m.Slot >= 0 && leaving.Contains(m.Lane)))
        {
            ending.End(s, FinishReason.Aborted, null, null,
                message: $"{string.Join(", ", names)} left the forest while the request ran on it, and the "
                    + "change ended such requests; send it again");
            aborted++;
            return;
        }

        if (s.Posterior is null) TreatSingle(s);
        else if (names.Count == s.Members.Length)
            End(s, $"{string.Join(", ", names)} left the forest, and the request had no other expert");
        else Renormalise(s, names);
    }

    private void TreatSingle(Sequence s)
    {
        if (IsUnknown(s))
        {
            End(s, Missing(s));
            return;
        }

        foreach (var member in s.Members) MemberRemoval.Drop(s, member);
        Admission.Unjoin(s);
        if (s.IsRouted) s.Forest = next.Description; // gates are the new model's
        s.Phase = SequencePhase.Queued;
        moved++;
    }

    private void Renormalise(Sequence s, List<string> names)
    {
        s.Removed.AddRange(names);
        renormalised++;
        if (MemberRemoval.Apply(s, leaving, next) != MemberRemoval.Need.Nothing) refilled++;
    }

    private string Missing(Sequence s) => s.Routing switch
    {
        { Mode: RoutingMode.Expert, Expert: { } name }
            when next.Description.Quarantined.Contains(name) => $"expert \"{name}\" was quarantined while the request ran on it",
        { Mode: RoutingMode.Expert } => $"expert \"{s.Routing.Expert}\" was removed from the forest while the request ran on it",
        { Mode: RoutingMode.Moe } =>
            "the BTX model was removed or changed while the request ran on it: "
            + $"{RequestRules.RoutingProblem(s.Routing, next.Description)?.Message}",
        _ => $"the average that the request ran on was removed: {RequestRules.RoutingProblem(s.Routing, next.Description)?.Message}",
    };

    private void End(Sequence s, string message)
    {
        ending.End(s, FinishReason.Removed, null, null, message: message);
        ended++;
    }
}
