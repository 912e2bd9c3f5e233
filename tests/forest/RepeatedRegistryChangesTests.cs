using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;
using Btx.Model.Registry;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Forest.Tests;

/// <summary>Whole changes again and again beside a stream, with journal, equality check and certificate: the process holds what it held,
/// and the journal can be read.</summary>
public sealed class RepeatedRegistryChangesTests(ServedForest served)
{
    private const int Cycles = 25;

    [Fact]
    public async Task Additions_and_removals_leave_no_mapping_no_file_and_no_snapshot_and_a_journal_that_can_be_read()
    {
        await using var f = new RegistryFixture(served, o => o with { Threads = 1 });
        var (root, engine) = (Path.GetDirectoryName(f.Source)!, f.Registry.Engine);
        async Task Settle()
        {
            await engine.Run(Request(new Routing())); // the loop has seen what came last, and lets go of it
            while (engine.BuildsUnderWay > 0 || BuildQueue.Releases.Count > 0) await Task.Delay(1, RegistryFixture.None);
        }

        await f.Remove("beta", "gamma"); // fewer models to compare
        await f.Add();
        await f.Remove("epsilon"); // the check has made the averages
        await Settle();
        var (mapped, open, before) = (HeldFiles.Mapped(root), HeldFiles.Open(root), f.Registry.State);
        Assert.Contains(open, file => file.EndsWith("forest.lock", StringComparison.Ordinal));
        for (var cycle = 1; cycle < Cycles; cycle++)
        {
            var stream = engine.Run(Request(new Routing(), 20));
            await f.Add();
            Assert.NotEmpty(HeldFiles.Open(f.Others)); // held, to see what becomes of it; mapped is its copy, in the served directory
            Assert.True(HeldFiles.Mapped(f.Served).Count > mapped.Count);
            Assert.Equal(FinishReason.Length, (await stream)[^1].Finish);
            stream = engine.Run(Request(new Routing(), 20));
            var removal = await f.Remove("epsilon");
            Assert.Equal(FinishReason.Length, (await stream)[^1].Finish);
            Assert.True(removal.Certificate!.Equality.Passed, $"{removal.Certificate.Equality}");
            Assert.True(removal.Certificate.Caches is { Sessions: > 0, NativeBytes: > 0 });
            Assert.Empty(HeldFiles.Open(f.Others));
        }

        await Settle();
        Assert.Equal(mapped, HeldFiles.Mapped(root));
        Assert.Equal(open, HeldFiles.Open(root));
        Assert.Equal(1, engine.LiveSnapshots);
        Assert.Equal(before.Experts, f.Registry.State.Experts, (a, b) => (a.Name, a.Sha256, a.Status) == (b.Name, b.Sha256, b.Status));
        Assert.Equal(["beta", "gamma", "epsilon"], f.Registry.State.Absent.Where(a => a.RemovedIn is not null).Select(a => a.Name));
        var journal = JournalContents.Read(f.Served);
        Assert.Equal(1 + (2 * Cycles), journal.History.Count);
        Assert.All(journal.History, change => Assert.Equal(ChangeOutcome.Committed, change.Outcome));
        Assert.Equal(f.Registry.State.Hash(), journal.State!.Hash());
        foreach (var change in journal.History.Where(c => c.Kind == ChangeKind.Remove))
            Assert.Empty(CertificateVerifier.Verify(f.Registry.Certificate(change.Id), change.Id, f.Registry.KeyFingerprint,
                f.Served).Problems);
        await f.AssertSurvivesRestart();
    }
}
