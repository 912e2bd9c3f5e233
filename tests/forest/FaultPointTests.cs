using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Registry;
using static Btx.Forest.Tests.RegistryFixture;

namespace Btx.Forest.Tests;

/// <summary>Whatever fails, and wherever the process dies: the forest is the one before or the one after.</summary>
public sealed class FaultPointTests(ServedForest served)
{
    private static readonly string[] AfterCommit = ["change:committed", "change:swapped", "change:purging", "purged:writing",
        "purged:written", "purged:synced", "purged:signed", "change:purged", "change:checked",
        "certified:writing", "certified:written", "certified:synced", "certified:signed", "change:certified", "change:finished"];

    private static IEnumerable<string> Points(bool removal) =>
        ForestRegistry.FaultPoints.Where(p =>
        !p.StartsWith("open:", StringComparison.Ordinal) && !p.StartsWith("abort:", StringComparison.Ordinal))
            .Where(p => removal || !(p.StartsWith("purged:", StringComparison.Ordinal) || p.StartsWith("certified:",
            StringComparison.Ordinal) || p is "change:purging" or "change:purged" or "change:checked" or "change:certified"));

    // As a dead process leaves it: files that are open are copied as they are; its lock goes with it.
    private static void CopyDirectory(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetFileName(f) != ForestLock.FileName))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            using var read = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var write = File.Create(target);
            read.CopyTo(write);
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(target, File.GetUnixFileMode(file));
        }
    }

    // The change fails once at a point, with a request under way; the forest is one of the two and the next change works.
    private static async Task<bool> Fails(RegistryFixture f, string point, Func<Task<ChangeResult>> change)
    {
        var before = f.Registry.State.Hash();
        var armed = true;
        f.InjectFault = p =>
        {
            if (p != point || !armed) return;
            armed = false;
            throw new IOException("the device is gone");
        };
        var stream = f.Registry.Engine.Run(EngineCalls.Request(EngineCalls.Expert("alpha"), 60));
        var e = await Assert.ThrowsAsync<BtxException>(change);
        f.InjectFault = null;
        Assert.False(armed, point);
        Assert.Contains("the device is gone", e.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.Internal, e.Kind);
        Assert.DoesNotContain('\n', e.Message);
        var isAfter = f.Registry.State.Hash() != before;
        Assert.Equal(AfterCommit.Contains(point), isAfter);
        if (isAfter)
            Assert.Equal((ChangeOutcome.Committed, f.Registry.History[^1].AfterSha256),
                (f.Registry.History[^1].Outcome, f.Registry.State.Hash()));
        else if (point is not ("change:validated" or "begin:writing" or "begin:written" or "begin:synced" or "begin:signed"))
            Assert.Equal(ChangeOutcome.Aborted, f.Registry.History[^1].Outcome);
        Assert.Equal(f.Registry.State.Ready.Select(x => x.Name), f.Registry.Engine.Describe().Experts);
        Assert.Equal(FinishReason.Length, (await stream)[^1].Finish);
        await f.Registry.Engine.AssertSound();
        return isAfter;
    }

    [Fact]
    public async Task An_addition_that_fails_anywhere()
    {
        await using var f = new RegistryFixture(served);
        foreach (var (point, i) in Points(removal: false).Select((p, i) => (p, i)))
        {
            var isAfter = await Fails(f, point, () => f.Add($"guest-{i}", Path.Combine(f.Others, "experts", "epsilon")));
            Assert.Equal(isAfter, f.Registry.State.Experts.Any(e => e.Name == $"guest-{i}"));
        }

        await f.Registry.ChangeAsync(f.Addition("last", Path.Combine(f.Others, "experts", "epsilon")));
        await f.AssertSurvivesRestart();
    }

    [Fact]
    public async Task A_removal_that_fails_anywhere_is_finished_by_the_next_change_or_start()
    {
        await using var f = new RegistryFixture(served);
        (string Point, string Id, string Directory)? unfinished = null;
        void AssertFinished(bool restarted = false)
        {
            if (unfinished is not var (point, id, directory)) return;
            Assert.False(Directory.Exists(directory), point);
            var report = CertificateVerifier.Verify(f.Registry.Certificate(id), point, null, f.Served);
            Assert.Empty(report.Problems);
            Assert.NotEmpty(report.Certificate!.Removed[0].Files);
            Assert.All(report.Certificate.Removed[0].Files.Where(file => !restarted || file.Path != "."), file =>
                Assert.True(file.Deleted, $"{point}: {file.Path}"));
            unfinished = null;
        }

        foreach (var (point, i) in Points(removal: true).Select((p, i) => (p, i)))
        {
            var directory = Path.Combine(f.Others, $"guest-{i}");
            new TinyForest().WriteExpert(directory, 900_000 + i);
            await f.Add($"guest-{i}", directory); // finishes what the last removal left
            AssertFinished();
            if (!await Fails(f, point, () => f.Registry.ChangeAsync(Removal($"guest-{i}") with { Purge = true })))
            {
                Assert.True(Directory.Exists(directory));
                await f.Remove($"guest-{i}");
                continue;
            }

            unfinished = (point, f.Registry.History[^1].Id, directory);
            if (i % 4 != 0) continue;
            await f.AssertSurvivesRestart();
            AssertFinished(restarted: true);
        }

        await f.AssertSurvivesRestart();
        AssertFinished(restarted: true);
    }

    [Theory]
    [InlineData("change:checked")]
    [InlineData("certified:writing")]
    [InlineData("certified:signed")]
    public async Task The_forest_does_not_change_before_the_last_removal_is_certified(string point)
    {
        await using var f = new RegistryFixture(served);
        var left = 3;
        f.InjectFault = p =>
        {
            if (p == point && left-- > 0) throw new IOException("No space left on device", 28);
        };
        var failure = await Assert.ThrowsAsync<BtxException>(() => f.Remove("beta"));
        Assert.Contains("is in force, but", failure.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.Exhausted, failure.Kind);
        var state = f.Registry.State.Hash();
        foreach (var change in new[] { () => f.Add(), () => f.Remove("gamma") })
        {
            var refusal = await Assert.ThrowsAsync<BtxException>(change);
            Assert.Equal(ErrorKind.Precondition, refusal.Kind);
            Assert.Contains("removal c000001 has no certificate yet", refusal.Message, StringComparison.Ordinal);
            Assert.Contains("No space left on device", refusal.Message, StringComparison.Ordinal);
            Assert.Equal((state, 1), (f.Registry.State.Hash(), f.Registry.History.Count));
        }

        await f.Add();
        var report = CertificateVerifier.Verify(f.Registry.Certificate("c000001"), point, f.Registry.KeyFingerprint, f.Served);
        Assert.Empty(report.Problems);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_process_that_dies_anywhere(bool removal)
    {
        await using var f = new RegistryFixture(served);
        var root = Path.GetDirectoryName(f.Source)!;
        var before = f.Registry.State.Hash();
        var images = new List<(string Point, string Root)>();
        f.InjectFault = point =>
        {
            var image = Path.Combine(root, $"image-{images.Count}");
            CopyDirectory(f.Source, Path.Combine(image, "forest"));
            CopyDirectory(f.Served, Path.Combine(image, "served"));
            images.Add((point, image));
        };
        var change = (removal ? await f.Registry.ChangeAsync(Removal("beta") with { Purge = true }) : await f.Add()).Change;
        f.InjectFault = null;
        Assert.Equal(Points(removal).Order(), images.Select(i => i.Point).Order());
        foreach (var (point, image) in images)
        {
            await using var again = ForestRegistry.Open(f.Engine with { Directory = Path.Combine(image, "served") }, new RegistryOptions());
            var isAfter = AfterCommit.Contains(point) || point is "commit:signed" or "commit:synced" or "commit:written";
            Assert.Equal(isAfter ? change.AfterSha256 : before, again.State.Hash());
            Assert.Equal(again.State.Ready.Select(e => e.Name), again.Engine.Describe().Experts);
            var weights = Path.Combine(image, "forest", "experts", "beta");
            Assert.Equal(removal && isAfter, !Directory.Exists(weights));
            if (removal && isAfter)
                Assert.Empty(CertificateVerifier.Verify(again.Certificate(change.Id), point, null, Path.Combine(image, "served")).Problems);
            else Assert.True(again.History.Count == 0 || isAfter || again.History[0].Outcome == ChangeOutcome.Interrupted, point);
        }
    }

    [Theory]
    [InlineData("change:validated")]
    [InlineData("change:built")]
    [InlineData("change:committed")]
    [InlineData("change:swapped")]
    [InlineData("change:purged")]
    public async Task A_shutdown_during_a_removal(string point)
    {
        await using var f = new RegistryFixture(served);
        var registry = f.Registry;
        var before = registry.State.Hash();
        Task? disposal = null;
        f.InjectFault = p =>
        {
            if (p != point) return;
            disposal = Task.Run(async () => await registry.DisposeAsync());
            Assert.True(SpinWait.SpinUntil(() => IsClosing(registry), TimeSpan.FromSeconds(60)));
        };
        var e = await Assert.ThrowsAsync<BtxException>(() => registry.ChangeAsync(Removal("beta") with { Purge = true }));
        Assert.Contains("the server is shutting down", e.Message, StringComparison.Ordinal);
        await disposal!;
        f.InjectFault = null;
        await f.Restart();
        var isAfter = AfterCommit.Contains(point);
        Assert.Equal(isAfter, f.Registry.State.Hash() != before);
        Assert.Equal(!isAfter, f.Registry.Engine.Describe().Experts.Contains("beta"));
        if (isAfter) Assert.Empty(CertificateVerifier.Verify(f.Registry.Certificate("c000001"), point, null, f.Served).Problems);
    }

    [Fact]
    public async Task A_change_that_is_cancelled_before_its_commit_leaves_nothing_and_after_it_is_done()
    {
        await using var f = new RegistryFixture(served);
        var before = f.Registry.State.Hash();
        using var early = new CancellationTokenSource();
        f.InjectFault = p =>
        {
            if (p == "change:built") early.Cancel();
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => f.Registry.ChangeAsync(f.Addition(), null, early.Token));
        Assert.Equal((before, ChangeOutcome.Aborted, "cancelled"),
            (f.Registry.State.Hash(), f.Registry.History[0].Outcome, f.Registry.History[0].Message));
        using var late = new CancellationTokenSource();
        f.InjectFault = p =>
        {
            if (p == "change:committed") late.Cancel();
        };
        Assert.Equal(ChangeOutcome.Committed, (await f.Registry.ChangeAsync(Removal("beta"), null, late.Token)).Change.Outcome);
        Assert.Equal(["alpha", "gamma"], f.Registry.Engine.Describe().Experts);
    }

    private static bool IsClosing(ForestRegistry registry)
    {
        try
        {
            registry.Engine.Generate(EngineCalls.Request(EngineCalls.Expert("alpha"), 1), CancellationToken.None);
            return false;
        }
        catch (RequestRejectedException)
        {
            return true;
        }
    }
}
