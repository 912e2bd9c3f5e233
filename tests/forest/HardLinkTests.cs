using System.Runtime.InteropServices;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Registry;
using static Btx.Forest.Tests.RegistryFixture;

namespace Btx.Forest.Tests;

/// <summary>Files that can no longer be opened as the check of a removal opens them: said before it, not after.</summary>
public sealed partial class HardLinkTests(ServedForest served)
{
    private static string Weights(RegistryFixture f, string expert) => Path.Combine(f.Source, "experts", expert, "model.safetensors");

    private RegistryFixture Open() => new(served, registered: o => o with { FileInterval = TimeSpan.FromHours(1) });

    [Theory]
    [InlineData("link", "model.safetensors is a hard link: the file has a second name; replace it by a copy")]
    [InlineData("cut", "model.safetensors has 64 bytes instead of ")]
    [InlineData("tokenizer", "tokenizer.json")]
    [InlineData("config", "config.json")]
    [InlineData("graph", ".onnx")]
    public async Task A_removal_is_refused_before_it_begins_if_its_check_could_not_be_made(string deed, string why)
    {
        await using var f = Open();
        var before = f.Registry.State.Hash();
        var directory = Path.GetDirectoryName(Weights(f, "gamma"))!;
        var graph = Directory.GetFiles(f.Served, "*.onnx", SearchOption.AllDirectories)[0];
        var other = Path.Combine(f.Others, "other");
        if (deed == "link") Link(Weights(f, "gamma"), other);
        else if (deed == "cut") using (var file = File.OpenWrite(Weights(f, "gamma"))) file.SetLength(64);
        else File.Move(deed == "graph" ? graph : Path.Combine(directory, $"{deed}.json"), other);
        var e = await Assert.ThrowsAsync<BtxException>(() => f.Registry.ChangeAsync(Removal("beta") with { Purge = true }));
        Assert.Equal(ErrorKind.Precondition, e.Kind);
        Assert.Contains(why, e.Message, StringComparison.Ordinal);
        if (deed != "graph") Assert.Contains("expert \"gamma\", which stays, could not be opened again: ", e.Message,
            StringComparison.Ordinal);
        Assert.EndsWith("nothing was changed", e.Message, StringComparison.Ordinal);
        Assert.Equal((before, 0), (f.Registry.State.Hash(), f.Registry.History.Count));
        Assert.True(File.Exists(Weights(f, "beta")));
        if (deed == "cut")
        {
            await f.Registry.LookAtFilesAsync(); // as every two seconds: it is in quarantine, and in nobody's way
            Assert.Equal(["gamma"], (await f.Remove("beta")).Certificate!.Equality.LeftOut!.Keys);
            return;
        }

        if (deed == "link") File.Delete(other);
        else File.Move(other, deed == "graph" ? graph : Path.Combine(directory, $"{deed}.json"));
        Assert.True((await f.Registry.ChangeAsync(Removal("beta") with { Purge = true })).Certificate!.Equality.Passed);
        await f.AssertSurvivesRestart();
    }

    [Fact]
    public async Task The_linked_expert_itself_can_be_removed()
    {
        await using var f = Open();
        _ = f.Registry;
        Link(Weights(f, "gamma"), Path.Combine(f.Others, "other"));
        Assert.True((await f.Remove("gamma")).Certificate!.Equality.Passed);
        Assert.True((await f.Remove("beta")).Certificate!.Equality.Passed);
        await f.AssertSurvivesRestart(); // its files stay, with their second name, and are nobody's any more
    }

    [Fact]
    public async Task Converted_weights_have_files_in_the_source_that_are_looked_at_too()
    {
        await using var f = Open();
        var half = Path.Combine(f.Others, "half");
        Exporter.ForestExporter.Export(new()
        { Forest = f.Source, Out = half, Threads = 1, Precision = Exporter.GraphPrecision.Fp16 });
        f.Engine = f.Engine with { Directory = half, ServesHalfOnCpu = true };
        _ = f.Registry;
        Link(Weights(f, "gamma"), Path.Combine(f.Others, "other"));
        var e = await Assert.ThrowsAsync<BtxException>(() => f.Remove("beta"));
        Assert.Contains($"expert \"gamma\", which stays, could not be opened again: gamma: {Weights(f, "gamma")} is a hard link",
            e.Message, StringComparison.Ordinal);
        Assert.True((await f.Remove("gamma")).Certificate!.Equality.Passed);
        Assert.True((await f.Remove("beta")).Certificate!.Equality.Passed);
        await f.Restart();
        Assert.Equal(["alpha"], f.Registry.Engine.Describe().Experts);
    }

    [Theory]
    [InlineData("change:built")]
    [InlineData("change:swapped")]
    [InlineData("change:purged")]
    public async Task A_survivor_whose_file_gets_another_name_meanwhile_is_left_out_and_named(string point)
    {
        await using var f = Open();
        f.InjectFault = p =>
        {
            if (p == point) Link(Weights(f, "gamma"), Path.Combine(f.Others, "other"));
        };
        var result = await f.Registry.ChangeAsync(Removal("beta") with { Purge = true });
        f.InjectFault = null;
        var check = result.Certificate!.Equality;
        Assert.True(check.Passed);
        var (name, why) = Assert.Single(check.LeftOut!);
        Assert.Equal("gamma", name);
        // Whoever reads a certificate may not know where files lie.
        Assert.StartsWith("gamma: model.safetensors is a hard link", why, StringComparison.Ordinal);
        Assert.Contains(result.Notes, n => n.StartsWith("not compared: gamma is quarantined, ", StringComparison.Ordinal));
        Assert.Equal(["alpha"], f.Registry.Engine.Describe().Experts);
        Assert.Contains("gamma", f.Registry.Damage.Experts.Keys);
        var report = CertificateVerifier.Verify(f.Registry.Certificate("c000001"), "it", null, f.Served);
        Assert.Empty(report.Problems);
        Assert.Contains(report.Checks, c => c.EndsWith("; not compared: gamma", StringComparison.Ordinal));
        Assert.True((await f.Remove("gamma")).Certificate!.Equality.Passed); // nothing is blocked
        await f.AssertSurvivesRestart();
    }

    [Fact]
    public async Task A_check_that_failed_is_made_before_the_next_change_without_what_is_damaged()
    {
        await using var f = Open();
        f.InjectFault = p =>
        {
            if (p == "change:checked") throw new IOException("no room");
        };
        await Assert.ThrowsAsync<BtxException>(() => f.Remove("beta"));
        f.InjectFault = null;
        Link(Weights(f, "gamma"), Path.Combine(f.Others, "other"));
        Assert.True((await f.Remove("gamma")).Certificate!.Equality.Passed);
        Assert.Equal(["gamma"], RemovalCertificate.Parse(f.Registry.Certificate("c000001"), "it").Equality.LeftOut!.Keys);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_certificate_names_files_that_were_moved_away_and_where_they_lie(bool purge)
    {
        await using var f = Open();
        _ = f.Registry;
        var bytes = new FileInfo(Weights(f, "beta")).Length;
        var moved = Path.Combine(f.Others, "moved");
        Directory.Move(Path.GetDirectoryName(Weights(f, "beta"))!, moved);
        await f.Registry.LookAtFilesAsync();
        Assert.Contains("beta", f.Registry.Damage.Experts.Keys);
        await f.Registry.LookAtFilesAsync();
        var removal = await f.Registry.ChangeAsync(Removal("beta") with { Purge = purge });
        var file = Assert.Single(removal.Certificate!.Removed[0].Files);
        Assert.Equal(("model.safetensors", bytes, false), (file.Path, file.Bytes, file.Deleted));
        Assert.StartsWith("was not at its place", file.Remains, StringComparison.Ordinal);
        Assert.EndsWith($"the file that was served lies at {moved}/model.safetensors", file.Remains, StringComparison.Ordinal);
        var report = CertificateVerifier.Verify(f.Registry.Certificate("c000001"), "it", null, f.Served);
        Assert.Empty(report.Problems);
        Assert.Contains("files of the removed: 0 deleted, 1 kept, 1 of them not as they lay there: see \"remains\" in the certificate",
            report.Checks);
    }

    [Fact]
    public async Task A_certificate_says_of_a_file_that_was_gone_before_that_the_purge_did_not_delete_it()
    {
        await using var f = Open();
        _ = f.Registry;
        Directory.Delete(Path.GetDirectoryName(Weights(f, "beta"))!, recursive: true);
        await f.Registry.LookAtFilesAsync();
        await f.Registry.LookAtFilesAsync();
        var removal = await f.Registry.ChangeAsync(Removal("beta") with { Purge = true });
        var file = Assert.Single(removal.Certificate!.Removed[0].Files);
        Assert.Equal(("model.safetensors", false), (file.Path, file.Deleted));
        Assert.EndsWith("the file that was served has no name any more: it was deleted before", file.Remains, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "it has another name, not in the expert's directory: a hard link remains elsewhere, with its contents")]
    [InlineData(2, "it has 2 other names: hard links remain elsewhere, with its contents")]
    public async Task A_certificate_says_that_a_deleted_name_was_not_the_last(int links, string why)
    {
        await using var f = Open();
        _ = f.Registry;
        for (var i = 0; i < links; i++) Link(Weights(f, "beta"), Path.Combine(f.Others, $"other {i}"));
        await f.Registry.LookAtFilesAsync();
        var removal = await f.Registry.ChangeAsync(Removal("beta") with { Purge = true });
        Assert.False(File.Exists(Weights(f, "beta")));
        var file = Assert.Single(removal.Certificate!.Removed[0].Files, x => !x.Deleted);
        Assert.Equal(("model.safetensors", $"its name was deleted, but {why}"), (file.Path, file.Remains));
        await f.AssertSurvivesRestart();
    }

    private static void Link(string from, string to)
    {
        if (link(from, to) != 0) throw new IOException(Marshal.GetLastPInvokeErrorMessage());
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int link(string from, string to);
}
