using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Btx.Engine;
using Btx.Forest;
using Btx.Model;
using Btx.Model.Registry;

namespace Btx.Server.Tests.Fakes;

/// <summary>A registry whose states, journal and certificates are real, on disk, and whose models are not:
/// nothing is built, nothing is swapped.</summary>
internal sealed class FakeRegistry : IForestRegistry, IDisposable
{
    private readonly ChangeJournal _journal;
    private readonly List<Channel<ForestEvent>> _watchers = [];
    private readonly TaskCompletionSource _building = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _served;
    private long _events;

    public FakeRegistry(SampleServed forest)
    {
        _served = forest.Served;
        _journal = ChangeJournal.Open(_served, forest.State);
        ExpertRoots = [forest.Forest];
    }

    public ForestDamage Damage { get; set; } = ForestDamage.None;

    public ForestState State => _journal.State;

    public IReadOnlyList<ChangeRecord> History => _journal.History;

    public string KeyFingerprint => _journal.Signer.Fingerprint;

    public IReadOnlyList<string> ExpertRoots { get; }

    /// <summary>A change waits for this, or for its cancellation, when it builds.</summary>
    public Task Hold { get; set; } = Task.CompletedTask;

    /// <summary>Completes when a change builds.</summary>
    public Task Building => _building.Task;

    /// <summary>Thrown by the next changes when they build.</summary>
    public Exception? Failure { get; set; }

    public ExpertAddition? LastAddition { get; private set; }

    public ExpertRemoval? LastRemoval { get; private set; }

    public AverageCreation? LastAverage { get; private set; }

    public (string? Corpus, string? Seed) LastReplay { get; private set; }

    public int Watchers
    {
        get
        {
            lock (_watchers) return _watchers.Count;
        }
    }

    public RemovalPlan Plan(IReadOnlyList<string> experts, string lineagePolicy) => RemovalPlan.Of(State, experts, lineagePolicy);

    /// <summary>What a purge is refused with; null: it is not.</summary>
    public string? PurgeRefused { get; set; }

    /// <summary>What becomes of the weight file of what is removed.</summary>
    public CertifiedFile Became { get; set; } = new("model.safetensors", 6, false);

    public string? PurgeObstacle(RemovalPlan plan) => PurgeRefused;

    public ReplayRecipe Replay(IReadOnlyList<string> experts, string? corpus, string? seedModel)
    {
        LastReplay = (corpus, seedModel);
        var source = Btx.Model.Forests.ForestManifest.Load(ExpertRoots[0]);
        return ReplayRecipe.Of(State, Plan(experts, LineagePolicy.Only), new(ExpertRoots[0], source,
            Path.Combine(ExpertRoots[0], "clean"), corpus, seedModel, new Dictionary<string, RecordedTraining>()));
    }

    public Task<ChangeResult> AddAsync(ExpertAddition addition, IProgress<ChangeProgress>? progress, CancellationToken cancellation)
    {
        LastAddition = addition;
        var expert = new RegisteredExpert
        {
            Name = addition.Name,
            Domain = addition.Domain ?? addition.Name,
            Path = Path.Combine(ExpertRoots[0], addition.Directory),
            Root = ExpertRoot.External,
            Sha256 = addition.Sha256 ?? SampleServed.Hash(addition.Name),
            Parents = addition.Parents ?? [],
        };
        return RunAsync(ChangeKind.Add, addition.By, [addition.Name], State.WithExpert(expert), null, progress, cancellation);
    }

    public Task<ChangeResult> RemoveAsync(ExpertRemoval removal, IProgress<ChangeProgress>? progress, CancellationToken cancellation)
    {
        LastRemoval = removal;
        var plan = Plan(removal.Experts, removal.Lineage);
        if (removal.ExpectedRevision is { } revision && revision != State.Revision)
            throw new BtxException($"the forest is at revision {State.Revision}, not {revision}") { Kind = ErrorKind.Conflict };
        return RunAsync(ChangeKind.Remove, removal.By, plan.Requested, State.Apply(plan), plan, progress, cancellation);
    }

    public Task<ChangeResult> CreateAverageAsync(AverageCreation creation, IProgress<ChangeProgress>? progress,
        CancellationToken cancellation)
    {
        LastAverage = creation;
        var average = creation.Weights is { } weights ? NamedAverage.Of(creation.Name, weights)
            : new() { Name = creation.Name, Domain = creation.Domain ?? "novels" };
        return RunAsync(ChangeKind.Average, creation.By, [creation.Name], State.WithAverage(average), null, progress, cancellation);
    }

    public Task<ChangeResult> DropAverageAsync(string name, ChangeAuthor by, IProgress<ChangeProgress>? progress,
        CancellationToken cancellation) =>
        RunAsync(ChangeKind.DropAverage, by, [name], State.WithoutAverage(name), null, progress, cancellation);

    public Task<ChangeResult> RollbackAsync(ChangeAuthor by, IProgress<ChangeProgress>? progress, CancellationToken cancellation)
    {
        var change = _journal.BeginRollback(by.Author, by.Reason, out _);
        return BuildAsync(change, null, State, progress, cancellation);
    }

    public async IAsyncEnumerable<ForestEvent> WatchAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        var events = Channel.CreateUnbounded<ForestEvent>();
        lock (_watchers) _watchers.Add(events);
        try
        {
            await foreach (var e in events.Reader.ReadAllAsync(cancellation)) yield return e;
        }
        finally
        {
            lock (_watchers) _watchers.Remove(events);
        }
    }

    public byte[] Certificate(string changeId)
    {
        var path = RemovalCertificate.FileOf(_served, changeId);
        return File.Exists(path) ? File.ReadAllBytes(path)
            : throw new BtxException($"change \"{BtxException.OneLine(changeId)}\" has no certificate") { Kind = ErrorKind.Missing };
    }

    public void Dispose()
    {
        _journal.Dispose();
    }

    private Task<ChangeResult> RunAsync(string kind, ChangeAuthor by, IReadOnlyList<string> subjects, ForestState after, RemovalPlan? plan,
        IProgress<ChangeProgress>? progress, CancellationToken cancellation)
    {
        progress?.Report(new(ChangePhase.Validate, 1, "names and lineage"));
        var before = State;
        var change = _journal.Begin(new()
        {
            Kind = kind,
            Author = by.Author,
            Reason = by.Reason,
            Subjects = subjects,
            Policy = plan?.Policy
        }, after);
        return BuildAsync(change, plan, before, progress, cancellation);
    }

    private async Task<ChangeResult> BuildAsync(ChangeRecord change, RemovalPlan? plan, ForestState before,
        IProgress<ChangeProgress>? progress, CancellationToken cancellation)
    {
        try
        {
            Tell(change, ChangePhase.Build, "begun");
            progress?.Report(new(ChangePhase.Build, 0.5, "half"));
            _building.TrySetResult();
            await Hold.WaitAsync(cancellation);
            if (Failure is not null) throw Failure;
        }
        catch (Exception e)
        {
            Tell(_journal.Abort(change.Id, e.Message), null, "given up");
            throw;
        }

        change = _journal.Commit(change.Id);
        progress?.Report(new(ChangePhase.Swap, 1, "swapped"));
        Tell(change, null, "committed");
        var swap = new SwapReport
        {
            Renormalised = 2,
            Refilled = 1,
            Moved = 0,
            Drained = 0,
            Ended = 1,
            Aborted = 0,
            Pause = TimeSpan.FromMilliseconds(2),
            Total = TimeSpan.FromMilliseconds(5),
            BytesReturned = plan is null ? 0 : 4096,
        };
        return new(change, swap, plan is null ? null : Certify(plan, before, change), ["prepacked weights follow"]);
    }

    private RemovalCertificate Certify(RemovalPlan plan, ForestState before, ChangeRecord change)
    {
        var files = plan.Removed.ToDictionary(name => name, IReadOnlyList<CertifiedFile> (_) => [Became]);
        var findings = new CertifiedFindings(files, new(1, 0, 4, 4096, 0, 0, 4096),
            EqualityCheck.Of(SampleServed.Hash("probe"), 100, 0, 1e-5));
        _journal.Certified(change.Id, findings);
        var certificate = _journal.Signer.Sign(RemovalCertificate.Of(plan, before, State, change, findings));
        certificate.Save(RemovalCertificate.FileOf(_served, change.Id));
        return certificate;
    }

    private void Tell(ChangeRecord change, string? phase, string message)
    {
        lock (_watchers)
        {
            var e = new ForestEvent(++_events, DateTimeOffset.UnixEpoch, change, phase, message, [.. State.Ready.Select(x => x.Name)],
                State.Revision);
            foreach (var watcher in _watchers) watcher.Writer.TryWrite(e);
        }
    }
}
