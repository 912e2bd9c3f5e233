using System.Text;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Forests;
using Btx.Model.Registry;
using static Btx.Forest.Tests.RegistryFixture;

namespace Btx.Forest.Tests;

/// <summary>What a removal takes, what it leaves, and what can be said about it.</summary>
public sealed class RemovalTests(ServedForest served)
{
    [Fact]
    public async Task A_purge_deletes_the_files_and_the_certificate_lists_them()
    {
        await using var f = new RegistryFixture(served);
        var directory = Path.Combine(f.Source, "experts", "beta");
        var sizes = Directory.GetFiles(directory).ToDictionary(p => Path.GetFileName(p), p => new FileInfo(p).Length);
        var result = await f.Registry.ChangeAsync(Removal("beta") with { Purge = true });
        Assert.False(Directory.Exists(directory));
        Assert.NotNull(result.Change.PurgedAt);
        Assert.Equal(sizes.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => new CertifiedFile(s.Key, s.Value, Deleted: true)),
            result.Certificate!.Removed[0].Files);
        Assert.Empty(CertificateVerifier.Verify(f.Registry.Certificate("c000001"), "it", null, f.Served).Problems);
        await f.AssertSurvivesRestart();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_certificate_whose_file_is_gone_is_written_again_as_the_journal_has_it(bool changed)
    {
        await using var f = new RegistryFixture(served);
        var first = (await f.Registry.ChangeAsync(Removal("beta") with { Purge = true })).Certificate!;
        if (changed) await f.Add();
        File.Delete(RemovalCertificate.FileOf(f.Served, "c000001"));
        if (changed) await f.Restart();
        else await f.Add();
        var again = RemovalCertificate.Parse(f.Registry.Certificate("c000001"), "it");
        Assert.Equal((first with { Signature = "" }).ToJson(), (again with { Signature = "" }).ToJson());
        Assert.Empty(CertificateVerifier.Verify(again.ToJson(), "it", null, f.Served).Problems);
        Assert.Contains(f.Reports, r => r.StartsWith("removal c000001: its certificate's file was gone", StringComparison.Ordinal));
    }

    /// <summary>What is added is rounded as what was exported; what stays is, after a removal, a forest that never had it.</summary>
    [Theory]
    [InlineData(Exporter.GraphPrecision.Int8)]
    [InlineData(Exporter.GraphPrecision.Int4)]
    public async Task A_forest_in_blocks_changes_like_any(Exporter.GraphPrecision precision)
    {
        await using var f = new RegistryFixture(served);
        var blocks = Path.Combine(f.Others, "blocks");
        Exporter.ForestExporter.Export(new() { Forest = f.Source, Out = blocks, Threads = 1, Precision = precision });
        f.Engine = f.Engine with { Directory = blocks };
        await f.Add();
        var added = await Score();
        var certificate = (await f.Remove("beta")).Certificate!;
        Assert.True(certificate.Equality.Passed);
        await f.Restart();
        Assert.Equal(added, await Score());

        async Task<double[]> Score() =>
            (await f.Registry.Engine.ScoreAsync(new([256, 84, 104, 101, 32, 99, 97, 116], EngineCalls.Expert("epsilon")), None)).LogProbs;
    }

    [Fact]
    public async Task A_journal_that_lost_a_certified_removal_is_refused()
    {
        await using var f = new RegistryFixture(served);
        await f.Registry.ChangeAsync(Removal("beta"));
        await f.Registry.DisposeAsync();
        var journal = Path.Combine(f.Served, ChangeJournal.FileName);
        var known = await File.ReadAllBytesAsync(journal, None);
        File.Delete(journal);
        var e = Assert.Throws<BtxException>(() => ForestRegistry.Open(f.Engine, f.Options));
        Assert.StartsWith($"{journal}: ends with record 0, but forest.head is signed for 4: its end was cut off; ", e.Message,
            StringComparison.Ordinal);
        string[] signed = [.. new[] { ChangeJournal.HeadName, CertificateSigner.KeyName,
            CertificateSigner.PublicKeyName }.Select(n => Path.Combine(f.Served, n))];
        foreach (var file in signed) File.Move(file, file + ".away");
        e = Assert.Throws<BtxException>(() => ForestRegistry.Open(f.Engine, f.Options));
        Assert.StartsWith($"{RemovalCertificate.FileOf(f.Served, "c000001")}: certifies a removal that forest.journal does not have;",
            e.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(journal));
        await File.WriteAllBytesAsync(journal, known, None);
        foreach (var file in signed) File.Move(file + ".away", file);
        Assert.DoesNotContain("beta", (await f.Restart()).Engine.Describe().Experts);
    }

    [Fact]
    public async Task A_purge_under_another_served_forest_of_the_same_source_is_refused()
    {
        await using var f = new RegistryFixture(served);
        var other = Path.Combine(Path.GetDirectoryName(f.Source)!, "other served");
        Exporter.ForestExporter.Export(new() { Forest = f.Source, Out = other, Threads = 1 });
        var before = f.Registry.State.Hash();
        var refused = await Assert.ThrowsAsync<BtxException>(() =>
            f.Registry.ChangeAsync(Removal("beta") with { Purge = true }));
        Assert.Equal($"--purge would delete the files of expert \"beta\" under other served forests: {other}; remove it from each of them "
                + "first, or delete those exports, or remove without --purge",
            refused.Message);
        Assert.Equal((before, 0), (f.Registry.State.Hash(), f.Registry.History.Count));
        Assert.Equal(refused.Message, f.Registry.PurgeObstacle(f.Registry.Plan(["beta"], LineagePolicy.Only)));
        var moved = other + " moved"; // found again when a server opens it
        Directory.Move(other, moved);
        await using (var second = ForestRegistry.Open(f.Engine with { Directory = moved }, new()))
        {
            Assert.Contains(moved, (await Assert.ThrowsAsync<BtxException>(() =>
                f.Registry.ChangeAsync(Removal("beta") with { Purge = true }))).Message, StringComparison.Ordinal);
            await second.ChangeAsync(Removal("beta"));
        }

        await f.Registry.ChangeAsync(Removal("beta") with { Purge = true });
        Assert.NotNull(f.Registry.PurgeObstacle(f.Registry.Plan(["gamma"], LineagePolicy.Only)));
        Directory.Delete(moved, recursive: true); // what is gone needs nothing
        Assert.Null(f.Registry.PurgeObstacle(f.Registry.Plan(["gamma"], LineagePolicy.Only)));
        Assert.NotNull((await f.Registry.ChangeAsync(Removal("gamma") with { Purge = true })).Change.PurgedAt);
    }

    [Fact]
    public async Task A_copy_that_training_left_is_named_and_stays()
    {
        await using var f = new RegistryFixture(served);
        foreach (var (name, expert) in new[] { ("round-1", "beta"), ("round-2", "alpha") }) // round-2 has other weights under the name
        {
            var run = Directory.CreateDirectory(Path.Combine(f.Source, "runs", name, "beta")).FullName;
            foreach (var file in Directory.GetFiles(Path.Combine(f.Source, "experts", expert)))
                File.Copy(file, Path.Combine(run, Path.GetFileName(file)));
        }

        var result = await f.Registry.ChangeAsync(Removal("beta") with { Purge = true });
        var copy = Path.Combine(f.Source, "runs", "round-1", "beta");
        Assert.Equal([$"training left a copy of the weights of beta in {copy}; a purge does not delete it"],
            result.Notes.Where(n => n.Contains("copy", StringComparison.Ordinal)));
        Assert.True(Directory.Exists(copy));
    }

    [Fact]
    public async Task Without_a_purge_the_files_stay_and_the_same_expert_may_come_back()
    {
        await using var f = new RegistryFixture(served);
        var before = await f.Scores();
        var result = await f.Remove("beta");
        Assert.All(result.Certificate!.Removed[0].Files, file => Assert.False(file.Deleted));
        await f.Registry.ChangeAsync(f.Addition("beta", Path.Combine(f.Source, "experts", "beta")));
        Assert.Equal(["alpha", "gamma", "beta"], f.Registry.Engine.Describe().Experts);
        Assert.Equal(before[1], (await f.Scores())[2], (a, b) => Math.Abs(a - b) < 1e-5); // beta alone
        Assert.Contains("added again by change c000002", Assert.Single(CertificateVerifier.Verify(f.Registry.Certificate("c000001"), "it",
            null, f.Served).Problems), StringComparison.Ordinal);
        await f.AssertSurvivesRestart();
    }

    [Fact]
    public async Task Descendants_are_quarantined_and_their_residuals_certified()
    {
        await using var f = new RegistryFixture(served);
        await f.Registry.ChangeAsync(f.Addition() with
        { Parents = [new ParentEntry("beta", 0.75), new ParentEntry(ForestState.Seed, 0.25)] });
        var replay = f.Registry.Replay(["beta"], "corpus", "seed-model");
        Assert.Equal(["epsilon"], replay.Retrained);
        var result = await f.Registry.ChangeAsync(Removal("beta") with { Lineage = LineagePolicy.Quarantine });
        Assert.Equal(["epsilon"], result.Certificate!.Quarantined);
        Assert.Equal(0.75, result.Certificate.Residuals.Single(r => r.Expert == "epsilon").Share, 1e-12);
        Assert.Equal(["alpha", "gamma"], f.Registry.Engine.Describe().Experts);
        Assert.Equal(ExpertStatus.Quarantined, f.Registry.State.Expert("epsilon").Status);
        AssertQuarantined(f.Registry.Engine);
        // after it too
        Assert.Equal(Encoding.UTF8.GetString(replay.ToJson()),
            Encoding.UTF8.GetString(f.Registry.Replay(["beta"], "corpus", "seed-model").ToJson()));
        await f.AssertSurvivesRestart();
        AssertQuarantined(f.Registry.Engine);
        var second = await f.Remove("epsilon"); // no traffic, still removable
        Assert.Empty(f.Registry.Engine.Describe().Quarantined);
        Assert.Equal(0, second.Swap!.Sessions);
        Assert.Empty(CertificateVerifier.Verify(f.Registry.Certificate(second.Change.Id), "it", null, f.Served).Problems);
    }

    [Fact]
    public async Task Requests_go_on_and_what_they_held_is_counted()
    {
        var trigger = new StepTrigger();
        await using var f = new RegistryFixture(served, o => o with { Observer = trigger });
        var engine = f.Registry.Engine;
        var removal = trigger.When(r => r.RunningSequences == 2 && r.PrefillTokens == 0, () => Task.Run(() => f.Remove("beta")));
        var streams = new[] { engine.Run(EngineCalls.Request(new(), 110)), engine.Run(EngineCalls.Request(EngineCalls.TopK(3), 110)) };
        trigger.Go();
        foreach (var stream in streams) Assert.Equal(FinishReason.Length, (await stream)[^1].Finish);
        var result = await removal;
        Assert.True(result.Swap!.KvSlots is 0 or 1 or 2);
        Assert.Equal(result.Swap.KvSlots, result.Certificate!.Caches.KvSlots);
        Assert.True(result.Certificate.Equality.Passed, $"{result.Certificate.Equality}");
        await engine.AssertSound();
    }

    [Fact]
    public async Task Whoever_watches_sees_every_change()
    {
        await using var f = new RegistryFixture(served);
        using var stop = new CancellationTokenSource();
        var watch = f.Registry.WatchAsync(stop.Token);
        await f.Remove("beta");
        await Assert.ThrowsAsync<Btx.Model.BtxException>(() =>
            f.Registry.ChangeAsync(f.Addition() with { Samples = new Dictionary<string, string> { ["epsilon"] = "abc" } }));
        await f.Registry.DisposeAsync();
        var events = new List<ForestEvent>();
        await foreach (var e in watch) events.Add(e);
        Assert.Equal(Enumerable.Range(1, events.Count).Select(n => (long)n), events.Select(e => e.Number));
        Assert.Equal([ChangePhase.Begin, ChangePhase.Build, ChangePhase.Commit, ChangePhase.Swap, ChangePhase.Check, ChangePhase.Certify,
            null], events.Where(e => e.Change.Id == "c000001").Select(e => e.Phase));
        Assert.Equal((ChangeOutcome.Committed, 1L),
            (events.Last(e => e.Change.Id == "c000001").Change.Outcome, events.Last(e => e.Change.Id == "c000001").Revision));
        Assert.Equal(ChangeOutcome.Aborted, events[^1].Change.Outcome);
        Assert.Equal(["alpha", "gamma"], events[^1].Experts);
    }

    private static void AssertQuarantined(ForestEngine engine)
    {
        var refused = Assert.Throws<RequestRejectedException>(() =>
            engine.Generate(EngineCalls.Request(EngineCalls.Expert("epsilon"), 4), None));
        Assert.Equal(ErrorKind.Missing, refused.Kind);
        Assert.StartsWith("expert \"epsilon\" is quarantined: ", refused.Message, StringComparison.Ordinal);
    }
}

public sealed class EqualityProbeTests
{
    [Theory]
    [InlineData("fp32", 0.5, 2e-5)]
    [InlineData("fp32", 20, 4e-4)]
    [InlineData("fp16", 20, 4e-2)]
    [InlineData("int8", 20, 4e-2)]
    public void What_counts_as_equal_grows_with_the_logits_that_are_rounded(string precision, double largest, double tolerance) =>
        Assert.Equal(tolerance, EqualityProbe.Tolerance(precision, largest), 1e-12);
}
