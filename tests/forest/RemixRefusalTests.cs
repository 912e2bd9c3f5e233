using Btx.Engine;
using Btx.Model;
using Btx.Model.Moe;
using Btx.Model.Registry;
using Btx.Model.Serving;
using Btx.Model.Tensors;

namespace Btx.Forest.Tests;

/// <summary>What cannot be re-mixed is refused with one line, and leaves nothing behind.</summary>
public sealed class RemixRefusalTests : IDisposable
{
    private readonly RemixWorld world = new();

    private static CancellationToken None => TestContext.Current.CancellationToken;

    public void Dispose() => world.Dispose();

    [Fact]
    public async Task A_model_that_was_exported_without_statistics()
    {
        var present = world.Serve("present", ["alpha", "beta", "gamma"]);
        (ServedMoeManifest.Load(present) with { RouterStatisticsSha256 = null }).Save(present);
        await Refused("was exported without router statistics, so it cannot be re-mixed; mix it with --corpus if that was not done, and "
            + "export it again",
            present);
        await using var engine = ForestEngine.Start(world.Options with { Moe = present }); // it is served all the same
        Assert.Equal(3, engine.Describe().Moe!.Experts.Count);
    }

    [Fact]
    public async Task Statistics_that_are_gone_changed_or_of_other_weights()
    {
        var present = world.Serve("present", ["alpha", "beta", "gamma"]);
        var file = Path.Combine(present, RouterStatistics.FileName);
        var good = File.ReadAllBytes(file);
        File.Delete(file);
        await Refused("statistics.safetensors: not found, though", present);
        world.Statistics("beta", "gamma").Save(file);
        await Refused("has statistics of beta, gamma, none of expert \"alpha\" with the weights that were mixed", present);
        var all = world.Statistics("alpha", "beta", "gamma");
        (all with { Form = HiddenStateForm.Mixed }).Save(file);
        await Refused("holds mixed states, on which every expert left its mark", present);
        (all with { Domains = [all.Domains[0] with { Sha256 = new string('0', 64) }, .. all.Domains.Skip(1)] }).Save(file);
        await Refused("none of expert \"alpha\" with the weights", present);
        good[^1] ^= 1;
        File.WriteAllBytes(file, good);
        await Refused("the statistics file is not the one that was exported (SHA-256 differs); export again", present, obstacle: false);
        File.WriteAllText(file, "{}");
        await Refused(file, present);
    }

    [Fact]
    public async Task A_lineage_of_another_model()
    {
        var present = world.Serve("present", ["alpha", "beta", "gamma"]);
        (BtxManifest.Load(present) with { Sha256 = new string('0', 64) }).Save(present);
        await Refused("btx.json: describes another model than served-btx.json beside it; export again", present);
    }

    [Fact]
    public async Task Weights_that_changed_after_the_model_was_mixed()
    {
        var present = world.Serve("present", ["alpha", "beta", "gamma"]);
        using (var file = File.OpenWrite(Path.Combine(world.Expert("gamma"), CheckpointFiles.SingleFile)))
        {
            file.Seek(-3, SeekOrigin.End);
            file.WriteByte(1);
        }

        await Refused("the weights of expert \"gamma\" are not those that the BTX model was made of (SHA-256 differs)", present,
            obstacle: false);
        Directory.Delete(world.Expert("gamma"), recursive: true);
        await Refused("gamma", present, obstacle: false);
    }

    [Fact]
    public async Task A_model_of_other_experts_than_the_forests()
    {
        await Refused("expert \"copy-0\" of the BTX model is none of the served forest's", world.Serve("copies", ["alpha", "beta"],
            change: m => m with { Experts = [m.Experts[0] with { Name = "copy-0" }, m.Experts[1]] }));
        await Refused(
            "expert \"alpha\" of the BTX model was mixed from other weights than the forest's (SHA-256 differs)",
            world.Serve("other", ["alpha", "beta"],
                change: m => m with { Experts = [m.Experts[0] with { Sha256 = new string('0', 64) }, m.Experts[1]] }));
    }

    [Fact]
    public async Task No_member_or_no_seed_left()
    {
        var present = world.Serve("present", ["beta", RemixWorld.Seed]);
        await Refused("no expert of the BTX model is left", present);
        present = world.Serve("seeded", ["alpha", "beta", RemixWorld.Seed]);
        Directory.Move(world.At(RemixWorld.Seed), world.At("moved"));
        await Refused("it is the model of expert \"seed\" of the BTX model", present);
    }

    [Fact]
    public async Task An_expert_that_cannot_join()
    {
        var present = world.Serve("present", ["alpha", "gamma"]);
        async Task Join(string message, string? statistics, Func<ForestState, ForestState>? change = null, bool obstacle = true)
        {
            var (after, added) = world.Return(world.State.Without(["beta"]), "beta", statistics);
            await Refused(message, present, change?.Invoke(after) ?? after, added, obstacle: obstacle);
        }

        await Join("without router statistics expert \"beta\" cannot join the BTX model; `btx train mix --forest F --experts beta --corpus "
            + "C --out DIR` makes them",
            null);
        await Join("has statistics of alpha, none of the weights in", world.StatisticsDirectory("others", "alpha"));
        var shallow = world.Statistics("beta");
        (shallow with { Domains = [shallow.Domains[0] with { Layers = [.. shallow.Domains[0].Layers.Take(1)] }] }).Save(
            Path.Combine(world.At("shallow"), RouterStatistics.FileName));
        await Join("the statistics of \"beta\" are of a model with 1 layers of hidden size 32; the experts have 2 of 32",
            world.At("shallow"), obstacle: false);
        var handed = world.StatisticsDirectory("handed", "beta");
        await Join("has another tokenizer than the forest", handed, s => s with { Tokenizer = new string('0', 64) }, obstacle: false);
        await Join("has another architecture (config.json) than the forest", handed, s => s with { Architecture = new string('0', 64) },
            obstacle: false);
    }

    [Fact]
    public async Task An_exporter_that_is_missing_cannot_start_or_fails()
    {
        var present = world.Serve("present", ["alpha", "beta", "gamma"]);
        await Refused("not found; re-mixing a BTX model needs the exporter: build it, or name Btx.Exporter.dll in BTX_EXPORTER", present,
            exporter: world.At("nowhere/Btx.Exporter.dll"));
        await Refused("could not be exported: out of luck", present,
            exporter: Script("echo progress; echo first >&2; echo 'error: out of luck' >&2; exit 1"), obstacle: false);
        await Refused("could not be exported: it ended with code 3", present, exporter: Script("exit 3"), obstacle: false);
        await Refused("served-btx.json: not found", present, exporter: Script("mkdir -p \"$5\"; exit 0"), obstacle: false);
    }

    [Fact]
    public async Task Cancelling_ends_the_exporter()
    {
        var present = world.Serve("present", ["alpha", "beta", "gamma"]);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(None);
        var mixing = world.Remix(Script($"echo $$ > '{world.At("id.tmp")}'; mv '{world.At("id.tmp")}' '{world.At("id")}'; exec sleep 600"))
            .MixAsync(world.State.Without(["beta"]), present, Output, null, null, stop.Token);
        while (!File.Exists(world.At("id"))) await await Task.WhenAny(mixing, Task.Delay(20, None));
        var process = int.Parse(File.ReadAllText(world.At("id")));
        Assert.True(Directory.Exists($"/proc/{process}"));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => mixing);
        Assert.False(Directory.Exists($"/proc/{process}"));
        NothingLeft();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            world.Remix().MixAsync(world.State.Without(["beta"]), present, Output, null, null, stop.Token));
        NothingLeft();
    }

    private string Output => world.At("mixtures/anew");

    private string Script(string body)
    {
        var path = world.At("exporter.sh");
        File.WriteAllText(path, $"#!/bin/sh\n{body}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    // A removal of beta unless something else is asked for.
    private async Task Refused(string message, string present, ForestState? after = null, ExpertAddition? added = null,
        string? exporter = null, bool obstacle = true)
    {
        var remix = world.Remix(exporter);
        after ??= world.State.Without(["beta"]);
        var e = await Assert.ThrowsAsync<BtxException>(() => remix.MixAsync(after, present, Output, added, null, None));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        NothingLeft();
        Assert.Equal(obstacle ? e.Message : null, remix.Obstacle(after, present, added));
    }

    private void NothingLeft() =>
        Assert.Empty(Directory.Exists(world.At("mixtures")) ? Directory.EnumerateFileSystemEntries(world.At("mixtures")) : []);
}
