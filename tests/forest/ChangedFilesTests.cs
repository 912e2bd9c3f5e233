using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Registry;
using static Btx.Forest.Tests.RegistryFixture;

namespace Btx.Forest.Tests;

/// <summary>Files that change under a running forest: what is served stays right, the expert gets no traffic, the others go on, and the
/// forest can be changed.</summary>
public sealed class ChangedFilesTests(ServedForest served)
{
    private static readonly int[] Text = [256, .. Enumerable.Range(60, 40)];

    private static string Weights(RegistryFixture f, string expert) => Path.Combine(f.Source, "experts", expert, "model.safetensors");

    private static async Task<double[]> Score(RegistryFixture f, string expert) =>
        (await f.Registry.Engine.ScoreAsync(new ScoreRequest(Text, EngineCalls.Expert(expert)), None)).LogProbs;

    private static RequestRejectedException Refused(RegistryFixture f, string expert) =>
        Assert.Throws<RequestRejectedException>(() =>
            { _ = f.Registry.Engine.Generate(EngineCalls.Request(EngineCalls.Expert(expert)), None); });

    public static TheoryData<string, string> Deeds { get; } = new()
    {
        { "cut", "has 64 bytes instead of" },
        { "overwrite", "has other content (SHA-256 differs)" },
        { "replace", "has other content (SHA-256 differs)" },
        { "delete", "was deleted or moved" },
        { "link", "passes through a symbolic link" },
    };

    private static void Do(string deed, RegistryFixture f, string weights)
    {
        var bytes = File.ReadAllBytes(weights);
        bytes[^3] ^= 1;
        switch (deed)
        {
            case "cut": using (var file = File.OpenWrite(weights)) file.SetLength(64); break;
            case "overwrite": using (var file = File.OpenWrite(weights)) file.Write(bytes); break;
            case "replace":
                File.WriteAllBytes(Path.Combine(f.Others, "new"), bytes);
                File.Move(Path.Combine(f.Others, "new"), weights, overwrite: true);
                break;
            case "delete": File.Delete(weights); break;
            default:
                File.Move(weights, Path.Combine(f.Others, "moved"));
                File.CreateSymbolicLink(weights, Path.Combine(f.Others, "moved"));
                break;
        }
    }

    [Fact]
    public async Task A_file_that_cannot_be_looked_at_is_not_taken_for_gone()
    {
        await using var f = new RegistryFixture(served, registered: o => o with { FileInterval = TimeSpan.FromHours(1) });
        var directory = Path.GetDirectoryName(Weights(f, "beta"))!;
        _ = f.Registry;
        Directory.Move(directory, Path.Combine(f.Others, "aside"));
        Directory.CreateSymbolicLink(directory, directory); // to itself: the system answers ELOOP
        File.Delete(Weights(f, "gamma"));
        await f.Registry.LookAtFilesAsync();
        Assert.Equal(["alpha", "beta"], f.Registry.Engine.Describe().Experts);
        Assert.Contains(f.Reports, r => r.StartsWith($"{Weights(f, "beta")}: could not be looked at: ", StringComparison.Ordinal)
            && r.EndsWith("is tried again", StringComparison.Ordinal));
        // a purge has not deleted what it cannot see
        Assert.Throws<BtxException>(() => FolderTree.Delete(Path.Combine(directory, "inside"), (_, _) => { }));
        File.Delete(directory);
        await f.Registry.LookAtFilesAsync();
        Assert.Equal(["alpha"], f.Registry.Engine.Describe().Experts);
        Assert.Contains("was deleted or moved", f.Registry.Damage.Experts["beta"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Damage_to_what_is_served_is_the_servers_fault(bool gone)
    {
        await using var f = new RegistryFixture(served);
        _ = f.Registry;
        var manifest = Path.Combine(f.Source, ForestManifest.FileName);
        if (gone) File.Delete(manifest);
        else await File.WriteAllTextAsync(manifest, "{", None);
        var e = await Assert.ThrowsAsync<BtxException>(() => f.Add());
        Assert.Contains(manifest, e.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.Internal, e.Kind);
    }

    [Theory]
    [MemberData(nameof(Deeds))]
    public async Task An_expert_is_quarantined_with_the_reason_and_can_be_removed(string deed, string why)
    {
        await using var f = new RegistryFixture(served, registered: o => o with { FileInterval = TimeSpan.FromHours(1) });
        var (before, alpha) = (await Score(f, "beta"), await Score(f, "alpha"));
        Do(deed, f, Weights(f, "beta"));
        Assert.Equal(before, await Score(f, "beta")); // from the private copy
        await f.Registry.LookAtFilesAsync();
        var forest = f.Registry.Engine.Describe();
        Assert.Equal(["alpha", "gamma"], forest.Experts);
        var reason = Assert.Single(forest.Damage.Experts);
        Assert.Equal("beta", reason.Key);
        Assert.StartsWith($"model.safetensors {why}", reason.Value, StringComparison.Ordinal); // clients are told no directory
        Assert.Contains("bring the file back and start the server again, or remove the expert", reason.Value, StringComparison.Ordinal);
        Assert.Contains(f.Reports, r => r.StartsWith("expert \"beta\" is quarantined: ", StringComparison.Ordinal));
        var refused = Refused(f, "beta");
        Assert.Equal(ErrorKind.Damaged, refused.Kind);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.Equal(alpha, await Score(f, "alpha"), (a, b) => Math.Abs(a - b) < 1e-5);
        Assert.Equal(2, (await f.Registry.Engine.ScoreAsync(new ScoreRequest(Text, new()), None)).Posterior.Length);
        await f.Registry.ChangeAsync(new AverageCreation
        { By = Author, Name = "all", Weights = new Dictionary<string, double> { ["alpha"] = 1, ["beta"] = 1 } });
        var removal = await f.Registry.ChangeAsync(Removal("beta") with { Purge = true });
        Assert.True(removal.Certificate!.Equality.Passed);
        Assert.DoesNotContain(removal.Certificate.Removed[0].Files, file => file.Deleted
            && file.Path.EndsWith(".safetensors", StringComparison.Ordinal));
        Assert.Empty(f.Registry.Damage.Experts);
        if (deed == "link") Assert.True(File.Exists(Path.Combine(f.Others, "moved")));
        await f.AssertSurvivesRestart();
    }

    [Fact]
    public async Task A_file_that_was_only_touched_is_read_again_and_served_on()
    {
        await using var f = new RegistryFixture(served, registered: o => o with { FileInterval = TimeSpan.FromHours(1) });
        _ = f.Registry;
        var weights = Weights(f, "beta");
        File.Copy(weights, weights + ".new");
        File.Move(weights + ".new", weights, overwrite: true);
        await f.Registry.LookAtFilesAsync();
        Assert.Equal(["alpha", "beta", "gamma"], f.Registry.Engine.Describe().Experts);
    }

    [Fact]
    public async Task Every_expert_may_go_and_each_request_is_told_why()
    {
        await using var f = new RegistryFixture(served, registered: o => o with { FileInterval = TimeSpan.FromHours(1) });
        foreach (var expert in (string[])["alpha", "beta", "gamma"])
        {
            _ = f.Registry;
            File.Delete(Weights(f, expert));
        }

        await f.Registry.LookAtFilesAsync();
        Assert.Empty(f.Registry.Engine.Describe().Experts);
        Assert.Equal(ErrorKind.Damaged, Refused(f, "beta").Kind);
        Assert.Equal(ErrorKind.Damaged,
            Assert.Throws<RequestRejectedException>(() => { _ = f.Registry.Engine.Generate(EngineCalls.Request(new()), None); }).Kind);
    }

    [Fact]
    public async Task A_certificate_says_where_a_served_file_was_moved()
    {
        await using var f = new RegistryFixture(served, registered: o => o with { FileInterval = TimeSpan.FromHours(1) });
        await f.Add();
        var weights = Path.Combine(f.Others, "experts", "epsilon", "model.safetensors");
        var moved = Path.Combine(f.Others, "moved");
        f.InjectFault = p =>
        {
            if (p != "change:swapped") return;
            File.Move(weights, moved);
            File.Copy(moved, weights);
        };
        var removal = await f.Registry.ChangeAsync(Removal("epsilon") with { Purge = true });
        var file = removal.Certificate!.Removed[0].Files.Single(x => x.Path == "model.safetensors");
        Assert.False(file.Deleted);
        Assert.Contains($"it lies at {moved}", file.Remains, StringComparison.Ordinal);
        Assert.All(removal.Certificate.Removed[0].Files.Where(x => x.Path != "model.safetensors"), x => Assert.True(x.Deleted));
    }

    [Fact]
    public async Task The_check_of_a_removal_copies_nothing_again()
    {
        await using var f = new RegistryFixture(served, o => o with { Copies = new() });
        _ = f.Registry;
        var bytes = f.Engine.Copies.Bytes;
        Assert.True(bytes > 0);
        var most = 0L;
        f.InjectFault = _ => most = Math.Max(most, f.Engine.Copies.Bytes);
        await f.Remove("beta");
        Assert.Equal(bytes, most);
        Assert.Equal(bytes / 3 * 2, f.Engine.Copies.Bytes);
    }
}
