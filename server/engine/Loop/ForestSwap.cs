namespace Btx.Engine.Loop;

/// <summary>Carries what runs and what waits from one snapshot to the next, between two steps. Made for one swap.</summary>
/// <param name="gone">Models that the next snapshot does not have.</param>
internal sealed class ForestSwap(ForestSnapshot next, InFlightPolicy policy, IReadOnlySet<ServedModel> gone, LaneSet lanes,
    AverageLanes averages, Admission admission, SequenceReporter reporter)
{
    private readonly HashSet<Lane> leaving = [.. gone.Select(lanes.Of), .. averages.With(gone)];
    private SwapReport report = new();

    /// <param name="running">Those that stay; who must wait for slots goes to the admission's queue.</param>
    public void Apply(ForestSnapshot present, List<Sequence> running)
    {
        report = new()
        {
            Sessions = leaving.Sum(l => l.Runner.Sessions),
            Averages = leaving.Count - gone.Count,
            KvSlots = leaving.Sum(l => l.Slots.Count - l.Slots.Free),
            KvBytes = leaving.Sum(l => l.Runner.Memory.KvCache),
            BytesReturned = leaving.Sum(l => l.Runner.Memory.Total),
        };
        foreach (var s in admission.Waiting.Where(s => !s.Pinned))
        {
            s.Unjoin();
            if (policy == InFlightPolicy.Drain && Lacks(s, next)) s.Pinned = admission.TryJoin(s);
        }

        lanes.Install(present, next);
        averages.Keep(next);
        foreach (var s in running) Treat(s);
        foreach (var s in admission.Resuming) Treat(s);
        foreach (var s in admission.Waiting) TreatWaiting(s);
        admission.Sweep();
        admission.Resuming.AddRange(running.Where(s => s.Phase == SequencePhase.Queued));
        running.RemoveAll(s => s.Phase is SequencePhase.Queued or SequencePhase.Finished);
        foreach (var s in running.Concat(admission.Resuming).Concat(admission.Waiting)) Lease(s, next);
    }

    /// <summary>A request that was sent while another snapshot was served.</summary>
    /// <returns>False if it asks for what is gone: it has ended.</returns>
    public static bool Admissible(Sequence s, ForestSnapshot current, SequenceReporter reporter)
    {
        if (ReferenceEquals(s.Lease.Snapshot, current)) return true;
        if (Lacks(s, current))
        {
            Refuse(s, current, reporter);
            return false;
        }

        Lease(s, current);
        s.Forest = current.Description;
        return true;
    }

    /// <summary>Reports when all that left is freed.</summary>
    public void Complete(EngineCommand.Swap command, TimeSpan pause, TimeProvider time) =>
        Task.WhenAll(leaving.Select(l => l.Model.Freed)).ContinueWith(
            freed =>
            {
                if (freed.Exception is { } e) command.Done.TrySetException(e.InnerExceptions);
                else command.Done.TrySetResult(report with { Pause = pause, Total = time.GetElapsedTime(command.Asked) });
            },
            TaskScheduler.Default);

    private static string? Problem(Sequence s, ForestSnapshot snapshot) =>
        RequestRules.RoutingProblem(s.Routing, snapshot.Description)?.Message;

    // What it asks for is not there; k of a BTX model may be another's.
    private static bool Lacks(Sequence s, ForestSnapshot snapshot) =>
        RequestRules.IsUnknown(s.Routing, snapshot.Description) || (s.IsTokenRouted && Problem(s, snapshot) is not null);

    private static void Refuse(Sequence s, ForestSnapshot snapshot, SequenceReporter reporter)
    {
        var problem = RequestRules.RoutingProblem(s.Routing, snapshot.Description);
        var kind = problem?.Kind == ErrorKind.Damaged ? ErrorKind.Damaged : ErrorKind.Missing;
        var why = problem?.Message ?? "what the request asks for is gone";
        reporter.End(s, FinishReason.Removed, new RequestRejectedException(kind, $"the forest changed while the request waited: {why}"));
    }

    private static void Lease(Sequence s, ForestSnapshot snapshot)
    {
        var old = s.Lease;
        s.Lease = snapshot.Lease();
        old.Return();
    }

    private void TreatWaiting(Sequence s)
    {
        if (s.Pinned)
        {
            if (!s.Members.Any(m => leaving.Contains(m.Lane))) return;
            if (policy == InFlightPolicy.Drain)
            {
                report = report with { Drained = report.Drained + 1 };
                return;
            }
        }
        else if (!Lacks(s, next))
        {
            s.Forest = next.Description;
            return;
        }

        Refuse(s, next, reporter);
        report = report with { Ended = report.Ended + 1 };
    }

    private void Treat(Sequence s)
    {
        if (s.Members.Length == 0)
        {
            if (Lacks(s, next)) End(s, Missing(s));
            return;
        }

        var names = s.Members.Where(m => leaving.Contains(m.Lane)).Select(m => m.Lane.Name).ToList();
        if (names.Count == 0) return;
        if (policy == InFlightPolicy.Drain) report = report with { Drained = report.Drained + 1 };
        else if (policy == InFlightPolicy.Abort && s.Members.Any(m => m.Slot >= 0 && leaving.Contains(m.Lane)))
        {
            reporter.End(s, FinishReason.Aborted, message: $"{string.Join(", ", names)} left the forest while the request ran on it, and "
                + "the change ended such requests; send it again");
            report = report with { Aborted = report.Aborted + 1 };
        }
        else if (s.Posterior is null) TreatSingle(s);
        else if (names.Count == s.Members.Length)
            End(s, $"{string.Join(", ", names)} left the forest, and the request had no other expert");
        else
        {
            s.Removed.AddRange(names);
            var refills = MemberRemoval.Apply(s, leaving, next);
            report = report with { Renormalised = report.Renormalised + 1, Refilled = report.Refilled + (refills ? 1 : 0) };
        }
    }

    private void TreatSingle(Sequence s)
    {
        if (Lacks(s, next))
        {
            End(s, Missing(s));
            return;
        }

        foreach (var member in s.Members) s.Drop(member);
        s.Unjoin();
        if (s.IsTokenRouted) s.Forest = next.Description; // gates are the new model's
        s.Enter(SequencePhase.Queued);
        report = report with { Moved = report.Moved + 1 };
    }

    private string Missing(Sequence s) => s.Routing switch
    {
        { Mode: RoutingMode.Expert, Expert: { } name } when next.Description.Quarantined.Contains(name) =>
            $"expert \"{name}\" was quarantined while the request ran on it",
        { Mode: RoutingMode.Expert } => $"expert \"{s.Routing.Expert}\" was removed from the forest while the request ran on it",
        { Mode: RoutingMode.Moe } => $"the BTX model was removed or changed while the request ran on it: {Problem(s, next)}",
        _ => $"the average that the request ran on was removed: {Problem(s, next)}",
    };

    private void End(Sequence s, string message)
    {
        reporter.End(s, FinishReason.Removed, message: message);
        report = report with { Ended = report.Ended + 1 };
    }
}
