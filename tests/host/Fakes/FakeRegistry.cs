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

    /// <summary>The change that was asked for last.</summary>
    public RequestedChange? Last { get; private set; }

    public ExpertAddition? LastAddition => Last as ExpertAddition;

    public ExpertRemoval? LastRemoval => Last as ExpertRemoval;

    public AverageCreation? LastAverage => Last as AverageCreation;

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

    public MoeFate? Moe { get; set; }

    public MoeFate? MoeFate(RemovalPlan plan, bool drop) => Moe;

    public ReplayRecipe Replay(IReadOnlyList<string> experts, string? corpus, string? seedModel)
    {
        LastReplay = (corpus, seedModel);
        var source = Btx.Model.Forests.ForestManifest.Load(ExpertRoots[0]);
        return ReplayRecipe.Of(State, Plan(experts, LineagePolicy.Only), new(ExpertRoots[0], source,
            Path.Combine(ExpertRoots[0], "clean"), corpus, seedModel, new Dictionary<string, RecordedTraining>()));
    }

    public Task<ChangeResult> ChangeAsync(RequestedChange change, IProgress<ChangeProgress>? progress, CancellationToken cancellation)
    {
        Last = change;
        switch (change)
        {
            case ExpertAddition addition:
                var expert = new RegisteredExpert
                {
                    Name = addition.Name,
                    Domain = addition.Domain ?? addition.Name,
                    Path = Path.Combine(ExpertRoots[0], addition.Directory),
                    Root = ExpertRoot.External,
                    Sha256 = addition.Sha256 ?? SampleServed.Hash(addition.Name),
                    Parents = addition.Parents ?? [],
                };
                return RunAsync([addition.Name], State.WithExpert(expert));
            case ExpertRemoval removal:
                var plan = Plan(removal.Experts, removal.Lineage);
                if (removal.ExpectedRevision is { } revision && revision != State.Revision)
                    throw new BtxException($"the forest is at revision {State.Revision}, not {revision}") { Kind = ErrorKind.Conflict };
                return RunAsync(plan.Requested, State.Apply(plan), plan);
            case AverageCreation creation:
                var average = creation.Weights is { } weights ? NamedAverage.Of(creation.Name, weights)
                    : new() { Name = creation.Name, Domain = creation.Domain ?? "novels" };
                return RunAsync([creation.Name], State.WithAverage(average));
            case AverageRemoval removal:
                return RunAsync([removal.Name], State.WithoutAverage(removal.Name));
            default:
                return BuildAsync(_journal.BeginRollback(change.By.Author, change.By.Reason, out _), null, State, progress, cancellation);
        }

        Task<ChangeResult> RunAsync(IReadOnlyList<string> subjects, ForestState after, RemovalPlan? plan = null)
        {
            progress?.Report(new(ChangePhase.Validate, 1, "names and lineage"));
            var before = State;
            var begun = _journal.Begin(new()
            {
                Kind = change.Kind,
                Author = change.By.Author,
                Reason = change.By.Reason,
                Subjects = subjects,
                Policy = plan?.Policy
            }, after);
            return BuildAsync(begun, plan, before, progress, cancellation);
        }
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

    private async Task<ChangeResult> BuildAsync(ChangeRecord change, RemovalPlan? plan, ForestState before,
        IProgress<ChangeProgress>? progress, CancellationToken cancellation)
    {
        try
        {
            Tell(change, ChangePhase.Build, "begun");
            progress?.Report(new(ChangePhase.Build, 0.5, "half", change.Id));
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
        var swap = new SwapReport(Renormalised: 2, Refilled: 1, Ended: 1, Pause: TimeSpan.FromMilliseconds(2),
            Total: TimeSpan.FromMilliseconds(5), BytesReturned: plan is null ? 0 : 4096);
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
