namespace Btx.Forest;

/// <summary>The registry of a served forest: owns its log of changes and its engine.</summary>
public sealed class ForestRegistry : IForestRegistry, IAsyncDisposable
{
    private readonly RegistryResources resources;
    private readonly CancellationTokenSource closing = new();
    private readonly FileWatch files;
    private readonly Task watching;
    private ChangeSession? current; // under the gate
    private Task idle = Task.CompletedTask; // under the gate: ends with the current change
    private Task looking = Task.CompletedTask; // under the gate: ends when no look at the files is under way
    private bool closed; // under the gate

    private ForestRegistry(RegistryResources resources)
    {
        this.resources = resources;
        files = new FileWatch(resources);
        watching = Task.Run(WatchFilesAsync);
    }

    /// <summary>The names that <see cref="RegistryOptions.InjectFault"/> is called with, the journal's first.</summary>
    public static IReadOnlyList<string> FaultPoints { get; } =
    [
        .. ChangeJournal.FaultPoints, "change:validated", "change:built", "change:committed", "change:swapped", "change:purging",
        "change:purged", "change:checked", "change:certified", "change:finished",
    ];

    /// <summary>Serves the last committed state.</summary>
    public ForestEngine Engine => resources.Engine;

    public ForestState State => resources.State;

    public ForestDamage Damage => resources.Engine.Describe().Damage;

    public IReadOnlyList<ChangeRecord> History => resources.Log.History;

    public string KeyFingerprint => resources.Log.Signer.Fingerprint;

    public IReadOnlyList<string> ExpertRoots => resources.Roots.Names;

    private Lock Gate => resources.Gate;

    /// <summary>Takes a served forest's log, does what a server that died left, and serves the last committed state.</summary>
    /// <exception cref="BtxException">Another server owns the forest, or a file, an option or the device is at fault.</exception>
    public static ForestRegistry Open(EngineOptions options, RegistryOptions registry)
    {
        options = options.Validate() with { Report = options.Report ?? registry.Report };
        var directory = Path.GetFullPath(options.Directory
            ?? throw new BtxException("only a BTX model is served; changes need a forest, name one by --forest"));
        var served = ServedForestManifest.Load(directory, trees: false);
        var source = served.SourceDirectory(directory);
        if (!Directory.Exists(source))
            throw new BtxException($"{Path.Combine(directory, ServedForestManifest.FileName)}: the forest that it was exported from is not "
                + $"at {source}; bring it back there, or export again");
        var roots = new ExpertRoots([source, .. registry.ExpertRoots]);
        var log = registry.OpenLog?.Invoke(directory)
            ?? ChangeJournal.Open(directory, CommittedState.Read(directory).Base, options.Time, registry.InjectFault);
        ForestEngine? engine = null;
        try
        {
            foreach (var message in log.Messages) registry.Report?.Invoke(message);
            RecordExport(source, directory, registry.Report);
            var moes = new MoeFolders(directory, registry.Report);
            var purged = RemovalCompletion.RedoPurges(log, directory, served, registry.Report);
            moes.Sweep(log);
            engine = SnapshotLoader.Start(options, new CommittedState(log.State, log.Base));
            var gate = new Lock();
            var resources = new RegistryResources(options, registry, directory, served, log, engine, roots, moes, gate,
                new EventFeed(options.Time, gate));
            Task.Run(() => new RemovalCompletion(resources).FinishAsync(purged, CancellationToken.None)).GetAwaiter().GetResult();
            return new ForestRegistry(resources);
        }
        catch
        {
            engine?.Stop();
            log.Dispose();
            throw;
        }
    }

    public RemovalPlan Plan(IReadOnlyList<string> experts, string lineagePolicy)
    {
        RegisteredExpert? adding;
        lock (Gate) adding = current?.Adding;
        return RemovalPlan.Of(State, experts, lineagePolicy, adding is null ? [] : [adding]);
    }

    public string? PurgeObstacle(RemovalPlan plan)
    {
        var state = State;
        return state.Revision == plan.Revision ? new RemovalChange(resources).PurgeObstacle(plan, state)
            : $"the forest is at revision {state.Revision} by now, not {plan.Revision}; look again";
    }

    public MoeFate? MoeFate(RemovalPlan plan, bool drop)
    {
        var state = State;
        return state.Revision == plan.Revision ? new RemovalChange(resources).Moe(plan, state, drop) : null;
    }

    public ReplayRecipe Replay(IReadOnlyList<string> experts, string? corpus, string? seedModel)
    {
        // Of experts that are gone: as it was before the removal that took the last of them.
        var removal = experts.Any(n => State.Experts.All(e => e.Name != n))
            ? History.LastOrDefault(c => c.IsRemoval && experts.Any(c.Subjects.Contains)) : null;
        var state = removal is null ? State : resources.Log.StatesOf(removal.Id).Before;
        var source = resources.Source;
        var clean = Path.Combine(source, $"replay-{state.Revision}");
        return ReplayRecipe.Of(state, RemovalPlan.Of(state, experts, LineagePolicy.Only),
            new(source, ForestManifest.Load(source), clean, corpus, seedModel, RecordedTraining.All(source)));
    }

    public async Task<ChangeResult> ChangeAsync(RequestedChange change, IProgress<ChangeProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        // what cannot be removed is said first, also beside another change
        if (change is ExpertRemoval { Experts: var experts, Lineage: var lineage }) Plan(experts, lineage);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, closing.Token);
        var session = new ChangeSession(resources, change, progress, stop.Token, closing.Token);
        Task look;
        lock (Gate)
        {
            if (closed) throw new BtxException(ErrorKind.Unavailable, "the server is shutting down");
            if (current is { } other)
                throw new BtxException(ErrorKind.Conflict, $"{other.Title} is under way; wait until it has ended");
            (current, idle, look) = (session, ended.Task, looking);
        }

        try
        {
            await look; // it may swap the forest
            await new RemovalCompletion(resources).FinishLastAsync(stop.Token);
            return await RunAsync(change, session);
        }
        catch (Exception e)
        {
            var ends = closing.IsCancellationRequested
                && e is OperationCanceledException or RequestRejectedException { Kind: ErrorKind.Unavailable };
            session.GiveUp(ends ? "the server is shutting down" : e is OperationCanceledException ? "cancelled" : e.Message);
            if (ends)
                throw new BtxException(ErrorKind.Unavailable, session.Committed
                    ? $"{session.Title} is committed, but the server is shutting down; the next start does the rest"
                    : "the server is shutting down; the forest was not changed", e);
            if (e is not (IOException or UnauthorizedAccessException or OutOfMemoryException)) throw;
            throw new BtxException($"{session.Title} was given up: {BtxException.OneLine(e.Message)}; the forest is as it was", e);
        }
        finally
        {
            lock (Gate) current = null;
            ended.SetResult();
        }
    }

    public IAsyncEnumerable<ForestEvent> WatchAsync(CancellationToken cancellation) => resources.Events.Watch(cancellation);

    public byte[] Certificate(string changeId)
    {
        if (History.FirstOrDefault(c => c.Id == changeId) is not { } change)
            throw new BtxException(ErrorKind.Missing, $"no change \"{BtxException.OneLine(changeId)}\"");
        if (!change.IsRemoval)
            throw new BtxException(ErrorKind.Precondition, $"change {change.Id} is "
                + (change.Kind == ChangeKind.Remove ? "a removal that was not committed" : $"of kind {change.Kind}")
                + "; only a removal has a certificate");
        var path = RemovalCertificate.FileOf(resources.Directory, change.Id);
        return File.Exists(path) ? BoundedFile.Read(path)
            : throw new BtxException(ErrorKind.Missing, $"{path}: not there yet, or moved away; a certificate that is missing is made at "
                + "the next start if nothing changed since");
    }

    /// <summary>Stops the engine; a change under way is given up, or if it is committed found by the next start.</summary>
    public async ValueTask DisposeAsync()
    {
        Task change;
        lock (Gate)
        {
            if (closed) return;
            closed = true;
            change = idle;
        }

        await closing.CancelAsync();
        await watching;
        await resources.Engine.DisposeAsync();
        await change;
        resources.Events.Close();
        resources.Log.Dispose();
        resources.Damaged.Dispose();
        closing.Dispose();
    }

    /// <summary>Looks at the files once, unless a change is under way.</summary>
    internal async Task LookAtFilesAsync()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (Gate)
        {
            if (closed || current is not null || !looking.IsCompleted) return;
            looking = ended.Task;
        }

        try
        {
            await files.LookAsync(closing.Token);
        }
        catch (Exception e) when (e is BtxException or RequestRejectedException or OperationCanceledException)
        {
            if (!closing.IsCancellationRequested)
                resources.Report($"the files of the experts could not be compared: {BtxException.OneLine(e.Message)}; it is tried again");
        }
        finally
        {
            ended.SetResult();
        }
    }

    private async Task WatchFilesAsync()
    {
        using var timer = new PeriodicTimer(resources.Options.FileInterval, resources.Serving.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(closing.Token)) await LookAtFilesAsync();
        }
        catch (OperationCanceledException)
        {
            // The server ends.
        }
    }

    // A source that cannot be written cannot be purged either.
    private static void RecordExport(string source, string directory, Action<string>? report)
    {
        try
        {
            ServedExports.Record(source, directory);
        }
        catch (BtxException e)
        {
            report?.Invoke($"{e.Message}; a purge through another served forest of {source} will not know of this one");
        }
    }

    private Task<ChangeResult> RunAsync(RequestedChange change, ChangeSession session) => change switch
    {
        ExpertAddition addition => new AdditionChange(resources).RunAsync(addition, session),
        ExpertRemoval removal => new RemovalChange(resources).RunAsync(removal, session),
        AverageCreation creation => new AverageChange(resources).CreateAsync(creation, session),
        AverageRemoval removal => new AverageChange(resources).DropAsync(removal.Name, session),
        _ => AverageChange.RollBackAsync(session),
    };
}
