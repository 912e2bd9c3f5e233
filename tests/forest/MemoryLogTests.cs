using System.Security.Cryptography;
using System.Text;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Registry;

namespace Btx.Forest.Tests;

/// <summary>Changes of a forest whose log is no file: the registry asks no more of it than <see cref="IForestLog"/> has.</summary>
public sealed class MemoryLogTests(ServedForest served)
{
    [Fact]
    public async Task Changes_are_recorded_undone_certified_and_found_at_the_next_start()
    {
        MemoryLog? log = null;
        await using var f = new RegistryFixture(served, null, o => o with
        { OpenLog = directory => log ??= new MemoryLog(directory, CommittedState.Read(directory).Base) });
        await f.Add();
        await f.Registry.ChangeAsync(new Rollback { By = RegistryFixture.Author });
        await f.Add();
        var removed = await f.Remove("beta");
        Assert.Equal(["alpha", "gamma", "epsilon"], f.Registry.Engine.Describe().Experts);
        Assert.True(removed.Certificate!.Equality.Passed, $"{removed.Certificate.Equality}");
        Assert.Empty(CertificateVerifier.Verify(f.Registry.Certificate(removed.Change.Id), "certificate",
            f.Registry.KeyFingerprint).Problems);
        Assert.Equal([ChangeKind.Add, ChangeKind.Rollback, ChangeKind.Add, ChangeKind.Remove], log!.History.Select(c => c.Kind));
        Assert.All(log.History, c => Assert.Equal(ChangeOutcome.Committed, c.Outcome));
        await Assert.ThrowsAsync<BtxException>(() => f.Registry.ChangeAsync(new Rollback { By = RegistryFixture.Author }));
        await f.AssertSurvivesRestart();
        Assert.Equal(4, f.Registry.State.Revision);
        Assert.False(File.Exists(Path.Combine(f.Served, ChangeJournal.FileName)));
    }

    [Fact]
    public async Task A_change_that_fails_is_given_up()
    {
        MemoryLog? log = null;
        await using var f = new RegistryFixture(served, null, o => o with
        { OpenLog = directory => log ??= new MemoryLog(directory, CommittedState.Read(directory).Base) });
        f.InjectFault = point =>
        {
            if (point == "change:built") throw new BtxException("no room");
        };
        Assert.Equal("no room", (await Assert.ThrowsAsync<BtxException>(() => f.Add())).Message);
        Assert.Equal((ChangeOutcome.Aborted, "no room"), (log!.History[0].Outcome, log.History[0].Message));
        f.InjectFault = null;
        await f.Add();
        Assert.Equal("c000002", log.History[1].Id);
    }
}

/// <summary>A log that lives as long as the test: a restarted registry finds it again.</summary>
internal sealed class MemoryLog(string servedDirectory, ForestState @base) : IForestLog
{
    private readonly Lock gate = new();
    private readonly ForestHistory history = new();
    private readonly Dictionary<string, (ForestState Before, ForestState After)> states = [];
    private long records = 1;
    private string sha256 = "";

    public ForestState Base => @base;

    public ForestState State => history.State ?? @base;

    public ForestState Previous => history.Previous ?? @base;

    public IReadOnlyList<ChangeRecord> History
    {
        get { lock (gate) return [.. history.Changes]; }
    }

    public IReadOnlyList<string> Messages => [];

    public CertificateSigner Signer { get; } = CertificateSigner.Open(servedDirectory);

    public ChangeRecord Begin(ChangeRequest request, ForestState after) =>
        Recorded(() => history.Add(history.Next(request, State, after, DateTimeOffset.UtcNow), after), after);

    public ChangeRecord BeginRollback(string author, string reason, out ForestState after)
    {
        var (last, next) = (history.Reversible(), Previous with { Revision = State.Revision + 1 });
        after = next;
        var request = new ChangeRequest { Kind = ChangeKind.Rollback, Author = author, Reason = reason, Subjects = last.Subjects };
        return Recorded(() => history.Add(history.Next(request, State, next, DateTimeOffset.UtcNow, last.Id), next), next);
    }

    public ChangeRecord Commit(string id, ForestState? made = null) => Recorded(() =>
    {
        var after = history.Made(id, made, out _);
        states[id] = (State, after);
        return history.Commit(after, records, sha256);
    });

    public ChangeRecord Abort(string id, string message) => Recorded(() => history.Abort(message));

    public ChangeRecord Purged(string id)
    {
        history.RequireOpenPurge(id);
        return Recorded(() => history.Purged(id, DateTimeOffset.UtcNow));
    }

    public ChangeRecord Certified(string id, CertifiedFindings findings)
    {
        history.RequireRemoval(id);
        return Recorded(() => history.Certified(id, findings));
    }

    public (ForestState Before, ForestState After) StatesOf(string id) => states[id];

    public void RequireReadable()
    {
    }

    public void Dispose()
    {
    }

    private ChangeRecord Recorded(Func<ChangeRecord> change, ForestState? after = null)
    {
        lock (gate)
        {
            records++;
            sha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{sha256}{records}{after?.Hash()}")));
            return change();
        }
    }
}
