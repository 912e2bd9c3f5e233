namespace Btx.Forest;

/// <summary>One change from validation to end. Before the commit whatever throws gives it up; after it every step is tried.</summary>
internal sealed class ChangeSession(RegistryResources resources, RequestedChange change, IProgress<ChangeProgress>? progress,
    CancellationToken cancellation, CancellationToken closing)
{
    private readonly List<string> notes = [], left = [];
    private ErrorKind? worst;

    public RegisteredExpert? Adding { get; set; }

    /// <summary>Null until it is begun.</summary>
    public ChangeRecord? Record { get; private set; }

    public bool Committed { get; private set; }

    /// <summary>Of the caller and of the server; means nothing after the commit.</summary>
    public CancellationToken Cancellation => cancellation;

    public CancellationToken Closing => closing;

    public string Title =>
        $"{(Record is { } r ? $"change {r.Id}" : "a change")} ({change.Kind} by {BtxException.OneLine(change.By.Author)})";

    public void Note(string line) => notes.Add(line);

    public void Enter(string phase, string message, double fraction = 0)
    {
        try
        {
            progress?.Report(new ChangeProgress(phase, fraction, message, Record?.Id));
        }
        catch (Exception) when (Committed)
        {
            // Who asked is gone; the change is not.
        }

        if (Record is not null && fraction == 0) resources.Events.Publish(Record, phase, message, resources.State);
    }

    public void Begin(ForestState after, IReadOnlyList<string> subjects, IReadOnlyList<PurgeTarget>? purge = null, string? policy = null)
    {
        resources.At("change:validated");
        cancellation.ThrowIfCancellationRequested();
        Record = resources.Log.Begin(new ChangeRequest
        {
            Kind = change.Kind,
            Author = change.By.Author,
            Reason = change.By.Reason,
            Subjects = subjects,
            Purge = purge ?? [],
            Policy = policy,
        }, after);
        Enter(ChangePhase.Begin, $"{Record.Id}: {change.Kind} {string.Join(", ", subjects)}");
    }

    public ForestState BeginRollback()
    {
        resources.At("change:validated");
        Record = resources.Log.BeginRollback(change.By.Author, change.By.Reason, out var after);
        Enter(ChangePhase.Begin, $"{Record.Id}: rollback of {Record.Undoes}");
        return after;
    }

    /// <summary>Makes the BTX model of a state from the present one, where nothing is an obstacle.</summary>
    public Task<string> MixAsync(ForestState after, string present, ExpertAddition? added)
    {
        Enter(ChangePhase.Mix, "re-mixing the BTX model");
        return resources.Options.Remix!.MixAsync(after, present, resources.Moe.PathOf(after.Moe!), added, progress, cancellation);
    }

    /// <summary>Makes the snapshot of a state beside the running forest.</summary>
    public async Task<ForestSnapshot> BuildAsync(ForestState after, IReadOnlyDictionary<string, ServedModel>? opened = null)
    {
        var before = resources.State;
        var change = ForestChange.Between(before, after, resources.DirectoryOf, resources.MoeOf(before), resources.MoeOf(after));
        if (opened is not null) change = change with { Opened = opened };
        try
        {
            return await resources.Engine.PrepareAsync(change, cancellation);
        }
        catch (BtxException e) when (e.Kind == ErrorKind.Missing)
        {
            throw new BtxException(e.Message, e); // what is served is not the request's to name
        }
    }

    /// <summary>Commits, then swaps; from the commit on nothing stops it.</summary>
    public async Task<SwapReport> CommitAsync(ForestSnapshot next, ForestState? made, InFlightPolicy policy)
    {
        try
        {
            resources.At("change:built");
            cancellation.ThrowIfCancellationRequested();
            progress?.Report(new ChangeProgress(ChangePhase.Commit, 0, $"{Record!.Id} goes to disk")); // not yet an event: it may fail
            Record = resources.Log.Commit(Record!.Id, made);
            Committed = true;
        }
        catch
        {
            next.Discard();
            throw;
        }

        Enter(ChangePhase.Commit, $"{Record.Id} is committed: revision {Record.RevisionAfter}");
        Try(() => resources.At("change:committed"), "");
        Enter(ChangePhase.Swap, "requests go over to the new forest");
        SwapReport report;
        try
        {
            report = await resources.Engine.SwapAsync(next, policy);
        }
        catch (RequestRejectedException e)
        {
            throw new BtxException(ErrorKind.Unavailable, $"change {Record.Id} is committed, but the server is shutting down: it "
                + "is in force from the next start on", e);
        }

        Try(() => resources.At("change:swapped"), "");
        Try(() => resources.Moe.Sweep(resources.Log), "");
        return report;
    }

    /// <summary>A step after the commit: the next ones follow whether it fails or not.</summary>
    /// <param name="otherwise">What a failure leaves to do.</param>
    public bool Try(Action step, string otherwise)
    {
        try
        {
            step();
            return true;
        }
        catch (Exception e)
        {
            var kind = BtxException.KindOf(e);
            worst = worst is null || kind == ErrorKind.Internal ? kind : worst;
            left.Add(otherwise.Length > 0 ? $"{BtxException.OneLine(e.Message)}; {otherwise}" : BtxException.OneLine(e.Message));
            return false;
        }
    }

    public ChangeResult Finish(SwapReport? swap, RemovalCertificate? certificate = null)
    {
        Record = resources.Log.History.First(c => c.Id == Record!.Id); // a purge is in it by now
        Try(() => resources.At("change:finished"), "");
        resources.Events.Publish(Record, null,
            left.Count == 0 ? $"{Record.Id} is done" : $"{Record.Id} is in force, but {string.Join("; ", left)}", resources.State);
        if (left.Count == 0) return new ChangeResult(Record, swap, certificate, notes);
        foreach (var line in left) resources.Report($"change {Record.Id}: {line}");
        throw new BtxException(worst!.Value, $"change {Record.Id} is in force, but {string.Join("; ", left)}");
    }

    /// <summary>Before the commit: the forest stays as it is, and the journal says why.</summary>
    public void GiveUp(string message)
    {
        if (Record is null || Committed) return;
        Record = resources.Log.Abort(Record.Id, message);
        resources.Moe.Sweep(resources.Log);
        resources.Events.Publish(Record, null, $"{Record.Id} was given up: {Record.Message}", resources.State);
    }
}
