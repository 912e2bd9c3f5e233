using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Tensors;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Tests.Phases;

public sealed class RoundTests : IDisposable
{
    private readonly TinyWorld world = new();

    public void Dispose() => world.Dispose();

    [Fact]
    public async Task Two_rounds_record_lineage_and_priors_and_branch_from_the_forest()
    {
        world.Model("seed", 1);
        File.WriteAllText(world.At("seed/generation_config.json"), """{"eos_token_id": [0, 7]}""");
        await Train("forest", "--seed", world.At("seed"), "--domains", "ants,bees", "--tokens", "9600", "--lr", "0.01", "--parallel", "2");
        var first = ForestManifest.Load(world.At("forest"));
        Assert.Equal(["ants", "bees"], first.Experts.Select(e => e.Name));
        foreach (var e in first.Experts)
        {
            Assert.Equal([new ParentEntry("seed", 1, CheckpointFiles.Hash(world.At("seed")))], e.Parents);
            Assert.Equal((1, 9600L, 300L), (e.Round, e.Tokens, e.Steps));
            Assert.Equal(CheckpointFiles.Hash(world.At($"forest/{e.Path}")), e.Sha256);
            Assert.NotNull(e.CorpusSha256);
            Assert.Equal([0, 7], LlamaConfig.Parse(File.ReadAllBytes(world.At($"forest/{e.Path}/config.json")), "config.json").EosTokenIds);
            Assert.True(File.Exists(world.At($"forest/{e.Path}/generation_config.json")));
            Assert.True(e.Prior![e.Name] > 0.9, $"{e.Name}: {string.Join(", ", e.Prior!)}"); // each knows its own language
        }

        await Train("forest", "--domains", "cows", "--branch", "uniform", "--tokens", "640");
        await Train("forest", "--domains", "ants", "--round", "3", "--branch", "argmax", "--tokens", "640");
        var third = ForestManifest.Load(world.At("forest"));
        Assert.Equal(["ants", "bees", "cows", "ants-r3"], third.Experts.Select(e => e.Name));
        ParentEntry Parent(string name, double weight) => new(name, weight, third.Expert(name).Sha256);
        Assert.Equal([Parent("ants", 0.5), Parent("bees", 0.5)], third.Expert("cows").Parents);
        Assert.Equal([Parent("ants", 1)], third.Expert("ants-r3").Parents);
        Assert.Equal(3, third.Expert("ants-r3").Round);
        Assert.All(third.Experts, e => Assert.Equal(4, e.Prior!.Count));

        var again = await TinyWorld.RunAsync(Arguments("forest", "--domains", "cows", "--round", "2", "--branch", "uniform",
            "--tokens", "640"));
        Assert.Equal((0, ""), (again.Code, again.Errors));
        Assert.Contains("finished earlier, nothing to do", again.Output);
        var seedless = await TinyWorld.RunAsync(Arguments("forest", "--domains", "ants", "--round", "1"));
        Assert.Equal(1, seedless.Code);
        Assert.Contains("name its seed model with --seed DIR, for the next round add --round 2", seedless.Errors);

        var finished = await TinyWorld.RunAsync(Arguments("forest", "--domains", "cows", "--round", "2", "--branch", "argmax",
            "--tokens", "640"));
        Assert.Equal(1, finished.Code);
        Assert.Contains("--branch is argmax, but the run in", finished.Errors);
    }

    [Fact]
    public async Task Controls_split_the_text_at_random_or_start_from_random_weights()
    {
        world.Model("seed", 1);
        await Train("split", "--seed", world.At("seed"), "--random-split", "--tokens", "320", "--parallel", "2");
        var split = ForestManifest.Load(world.At("split"));
        Assert.Equal(["split-0", "split-1", "split-2"], split.Experts.Select(e => e.Name));
        Assert.All(split.Experts, e => Assert.Equal("seed", Assert.Single(e.Parents).Name));
        Assert.Equal(3, split.Experts.Select(e => e.CorpusSha256).Distinct().Count());

        await Train("random", "--seed", world.At("seed"), "--random-init", "--domains", "ants,bees", "--tokens", "32", "--lr", "1e-9");
        var random = ForestManifest.Load(world.At("random"));
        Assert.All(random.Experts, e => Assert.Empty(e.Parents));
        var ants = Embedding("random/experts/ants");
        Assert.True(Distance(ants, Embedding("random/experts/bees")) > 0.01); // each from its own random weights
        Assert.True(Distance(ants, Embedding("seed")) > 0.01);
    }

    [Fact]
    public async Task One_expert_joins_a_forest_from_a_named_model()
    {
        world.Model("seed", 1);
        var result = await TinyWorld.RunAsync(
            "train", "expert", "--forest", world.At("forest"), "--from", world.At("seed"), "--corpus", world.Corpus, "--domain", "cows",
                "--name", "cattle", "--tokens", "320", "--sequence", "16", "--validation-windows", "4");
        Assert.Equal((0, ""), (result.Code, result.Errors));
        var expert = Assert.Single(ForestManifest.Load(world.At("forest")).Experts);
        Assert.Equal(("cattle", "cows", 1), (expert.Name, expert.Domain, expert.Round));
        Assert.Equal(1, expert.Prior!["cattle"], 1e-9);
        Directory.Delete(world.At("forest/experts/cattle"), recursive: true); // as a purge leaves it: the next expert joins all the same
        result = await TinyWorld.RunAsync("train", "expert", "--forest", world.At("forest"), "--from", world.At("seed"),
            "--corpus", world.Corpus, "--domain", "ants", "--tokens", "320", "--sequence", "16", "--validation-windows", "4");
        Assert.Equal(0, result.Code);
        Assert.Equal(["ants"], ForestManifest.Load(world.At("forest")).Expert("ants").Prior!.Keys);
    }

    [Theory]
    [InlineData("has no domain \"dogs\"", "--domains", "dogs")]
    [InlineData("name the seed model with --seed DIR", "--domains", "ants", "--no-seed")]
    [InlineData("--lr is -1", "--domains", "ants", "--lr=-1")]
    public async Task A_bad_request_gets_one_line_and_writes_nothing(string message, params string[] more)
    {
        world.Model("seed", 1);
        string[] seed = more.Contains("--no-seed") ? [] : ["--seed", world.At("seed")];
        var result = await TinyWorld.RunAsync(Arguments("forest", [.. more.Where(m => m != "--no-seed"), .. seed]));
        Assert.Equal(1, result.Code);
        Assert.StartsWith("error: ", result.Errors);
        Assert.Contains(message, result.Errors);
        Assert.Single(result.Errors.TrimEnd().Split('\n'));
        Assert.False(Directory.Exists(world.At("forest")));
    }

    [Fact]
    public async Task A_forest_takes_no_expert_of_another_architecture()
    {
        world.Model("seed", 1);
        world.Model("wide", 1, hidden: 32);
        await Train("forest", "--seed", world.At("seed"), "--domains", "ants", "--tokens", "320");
        var before = File.ReadAllBytes(world.At("forest/forest.json"));
        var result = await TinyWorld.RunAsync("train", "expert", "--forest", world.At("forest"), "--from", world.At("wide"), "--corpus",
            world.Corpus, "--domain", "bees");
        Assert.Equal(1, result.Code);
        Assert.Contains("its architecture (config.json) differs from that of the forest", result.Errors);
        Assert.Equal(before, File.ReadAllBytes(world.At("forest/forest.json")));
        Assert.Equal(["ants"], Directory.GetDirectories(world.At("forest/experts")).Select(Path.GetFileName));
    }

    private async Task Train(string forest, params string[] more)
    {
        var result = await TinyWorld.RunAsync(Arguments(forest, more));
        Assert.Equal((0, ""), (result.Code, result.Errors));
    }

    private string[] Arguments(string forest, params string[] more) =>
        ["train", "round", "--forest", world.At(forest), "--corpus", world.Corpus, "--sequence", "16", "--validation-windows",
        "4", .. more];

    private float[] Embedding(string model)
    {
        using var checkpoint = Checkpoint.Open(world.At(model));
        var values = new float[checkpoint.Info("model.embed_tokens.weight").ElementCount];
        checkpoint.CopyTo("model.embed_tokens.weight", values);
        return values;
    }

    private static float Distance(float[] a, float[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();
}
