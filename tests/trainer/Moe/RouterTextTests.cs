using Btx.Model;
using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Corpora;
using Btx.Trainer.Moe;
using Btx.Trainer.Networks;
using Btx.Trainer.Shards;
using Btx.Trainer.Tests.Phases;
using TorchSharp;

namespace Btx.Trainer.Tests.Moe;

public sealed class RouterTextTests : IDisposable
{
    private readonly MixWorld world = new();

    public void Dispose() => world.Dispose();

    [Theory]
    [InlineData("ridge", "mixed", 0.9)]
    [InlineData("ridge", "own", 0.9)]
    [InlineData("centroid", "mixed", 0.8)]
    public void Routers_find_the_language_of_a_token(string init, string states, double least)
    {
        using var wide = new MixWorld(hidden: 128);
        var (report, _) = MixWorld.Mix(wide.Fitted with { RouterInit = init, States = states });
        Assert.All(report.RouterAccuracy!, a => Assert.InRange(a, least, 1));
        Assert.Equal((init, states), (wide.Manifest("mix").Router.Init, report.States));
    }

    [Theory]
    [InlineData("mixed")]
    [InlineData("own")]
    public void Mixing_without_an_expert_is_mixing_a_forest_that_never_had_it(string states)
    {
        var fitted = world.Fitted with { States = states };
        MixWorld.Mix(fitted with { Without = ["bees"], Output = world.At("without") });
        world.Forest("never", ["ants", "cows"]);
        MixWorld.Mix(fitted with { Forest = world.At("never"), Output = world.At("scratch") });
        foreach (var file in new[] { "model.safetensors", "config.json", "router/statistics.safetensors" })
            Assert.Equal(File.ReadAllBytes(world.At($"scratch/{file}")), File.ReadAllBytes(world.At($"without/{file}")));
        Assert.Equal(world.Manifest("scratch") with { ForestSha256 = null },
            world.Manifest("without") with { ForestSha256 = null, Without = [] }, Same);
        Assert.Equal(["bees"], world.Manifest("without").Without);
    }

    [Theory]
    [InlineData("ridge", "mixed")]
    [InlineData("centroid", "own")]
    public void From_saved_statistics_an_expert_is_left_out_exactly_and_without_text(string init, string states)
    {
        var own = world.Fitted with { RouterInit = init, States = HiddenStateForm.Own };
        MixWorld.Mix(own with { States = states }); // whatever its routers were fitted to, it keeps the experts' own states
        MixWorld.Mix(own with
        {
            Corpus = null,
            States = null,
            Statistics = world.At("mix"),
            Without = ["bees"],
            Output = world.At("refit")
        });
        world.Forest("never", ["ants", "cows"]);
        MixWorld.Mix(own with { Forest = world.At("never"), Output = world.At("scratch") });
        foreach (var file in new[] { "model.safetensors", "router/statistics.safetensors" })
            Assert.Equal(File.ReadAllBytes(world.At($"scratch/{file}")), File.ReadAllBytes(world.At($"refit/{file}")));
        Assert.DoesNotContain("bees",
            System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(world.At("refit/router/statistics.safetensors"))));
    }

    [Fact]
    public void Statistics_that_do_not_fit_are_refused()
    {
        new RouterStatistics(HiddenStateForm.Mixed, 1,
            [new("ants", "", "", [new(1, [1], [1], [1])])]).Save(world.At("mixed/router/statistics.safetensors"));
        Refused("holds mixed states, on which every expert left its mark", "mixed");
        new RouterStatistics(HiddenStateForm.Own, 1,
            [new("ants", "", "", [new(1, [1], [1], [1])])]).Save(world.At("small/router/statistics.safetensors"));
        Refused("is of a model with 1 layers of hidden size 1; the experts have 2 of 16", "small");
        MixWorld.Mix(world.Request with { Output = world.At("random") });
        Refused("statistics.safetensors not found", "random");
        MixWorld.Mix(world.Fitted with { Output = world.At("two"), States = HiddenStateForm.Own, Experts = ["ants", "bees"] });
        Refused("has no statistics of expert \"cows\"; it has ants, bees", "two");
        world.Model("forest/experts/ants", 77);
        world.Forest("forest", [.. TinyWorld.Domains]);
        Refused("of expert \"ants\" are of other weights", "two");
        File.WriteAllText(world.At("two/router/statistics.safetensors"), "no such thing");
        Refused("statistics.safetensors", "two");
    }

    [Fact]
    public void Two_runs_give_the_same_bytes()
    {
        MixWorld.Mix(world.Fitted);
        MixWorld.Mix(world.Fitted with { Output = world.At("again") });
        foreach (var file in Directory.EnumerateFiles(world.At("mix"), "*", SearchOption.AllDirectories))
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(file.Replace("/mix/", "/again/", StringComparison.Ordinal)));
    }

    [Fact]
    public void States_are_those_that_each_layer_s_feed_forward_reads()
    {
        using var checkpoint = Checkpoint.Open(world.At("forest/experts/bees"));
        using var states = new HiddenStates(new MoeWeights([checkpoint]), checkpoint.Config, torch.CPU);
        using var shard = new TokenShardCache(CorpusDirectory.Open(world.Corpus),
            TextTokenizer.Load(world.At("seed"))).Open(TextSource.Of("bees"), CorpusSplit.Train);
        var windows = HiddenStates.Windows(shard, 32, 64);
        Assert.Equal((2, 32), (windows.Count, windows.Context));
        var statistics = states.Read(checkpoint, HiddenStateForm.Own, windows, null, CancellationToken.None);

        // The first window is summed, the last is sampled. By hand: the feed-forward of the
        // second layer sees what the plain network gives it.
        var window = windows[0];
        var seen = new List<float[]>();
        using var mode = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        using var model = new LlamaModel(checkpoint.Config, torch.CPU) { FeedForwardInput = (_, x) => seen.Add(x.data<float>().ToArray()) };
        foreach (var (name, parameter) in model.NamedParameters)
        {
            var values = new float[parameter.numel()];
            checkpoint.CopyTo(name, values);
            parameter.copy_(torch.tensor(values).view(parameter.shape));
        }

        _ = model.Hidden(torch.tensor(window[..32], [1, 32]));
        for (var l = 0; l < 2; l++)
        {
            Assert.Equal(32, statistics[l].Count);
            Assert.Equal(32 * 16, statistics[l].Sample.Length);
            for (var a = 0; a < 16; a++)
            {
                Assert.Equal(Enumerable.Range(0, 32).Sum(t => (double)seen[l][(t * 16) + a]), statistics[l].Sum[a], 1e-4);
                for (var b = 0; b < 16; b++)
                    Assert.Equal(Enumerable.Range(0, 32).Sum(t => (double)seen[l][(t * 16) + a] * seen[l][(t * 16) + b]),
                        statistics[l].Gram[(a * 16) + b], 1e-4);
            }
        }
    }

    [Fact]
    public void In_the_mixed_form_only_the_feed_forwards_are_the_expert_s()
    {
        using Checkpoint ants = Checkpoint.Open(world.At("forest/experts/ants")), bees = Checkpoint.Open(world.At("forest/experts/bees"));
        using var shard = new TokenShardCache(CorpusDirectory.Open(world.Corpus),
            TextTokenizer.Load(world.At("seed"))).Open(TextSource.Of("bees"), CorpusSplit.Train);
        var windows = HiddenStates.Windows(shard, 32, 64);

        // A dense model with the average of both and the feed-forwards of one gives its own states.
        var weights = new MoeWeights([ants, bees]);
        Directory.CreateDirectory(world.At("transplant"));
        CheckpointWriter.Write(world.At("transplant"), bees.Config, (name, bytes) =>
        {
            var values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes);
            if (name.Contains(".mlp.", StringComparison.Ordinal)) bees.CopyTo(name, values);
            else weights.Average(name, values);
        });
        using var transplant = Checkpoint.Open(world.At("transplant"));
        using HiddenStates mixed = new(weights, bees.Config, torch.CPU), own = new(weights, bees.Config, torch.CPU);
        _ = mixed.Read(ants, HiddenStateForm.Mixed, windows, null, CancellationToken.None); // what was there before leaves nothing
        var (a, b) = (mixed.Read(bees, HiddenStateForm.Mixed, windows, null, CancellationToken.None),
            own.Read(transplant, HiddenStateForm.Own, windows, null, CancellationToken.None));
        for (var l = 0; l < 2; l++) Assert.Equal(b[l].Gram, a[l].Gram);
    }

    [Fact]
    public void What_an_expert_left_in_another_is_said()
    {
        world.Forest("forest", [.. TinyWorld.Domains],
            e => e.Name == "cows" ? e with { Parents = [new("bees", 0.25), new("ants", 0.75)], Round = 2 } : e);
        var (report, _) = MixWorld.Mix(world.Request with { Without = ["bees"] });
        Assert.Equal(new MixResidual("cows", "bees", 0.25), Assert.Single(report.Residuals));
    }

    [Fact]
    public async Task The_program_mixes_and_reports()
    {
        var (code, output, errors) = await TinyWorld.RunAsync(
            "train", "mix", "--forest", world.At("forest"), "--corpus", world.Corpus, "--tokens-per-domain", "1k", "--without", "ants",
                "--out", world.At("mix"), "--json", world.At("report.json"));
        Assert.Equal("", errors);
        Assert.Equal(0, code);
        Assert.Contains("0 bees, 1 cows", output);
        Assert.Contains("init ridge; routers find the domain of", output);
        Assert.Equal(File.ReadAllText(world.At("mix/mix.json")), File.ReadAllText(world.At("report.json")));
    }

    private void Refused(string message, string statistics)
    {
        var refusal = Assert.Throws<BtxException>(() =>
            MixWorld.Mix(world.Fitted with { Corpus = null, Statistics = world.At(statistics) }));
        Assert.Contains(message, refusal.Message);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    private static bool Same(Btx.Model.Moe.BtxManifest a, Btx.Model.Moe.BtxManifest b) =>
        System.Text.Json.JsonSerializer.Serialize(a, ManifestJson.Options) == System.Text.Json.JsonSerializer.Serialize(b,
        ManifestJson.Options);
}
