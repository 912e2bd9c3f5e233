using Btx.Trainer.Networks;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Mixing;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Tests.Phases;

public sealed class AverageTests : IDisposable
{
    private readonly TinyWorld world = new();

    public void Dispose() => world.Dispose();

    [Fact]
    public void A_uniform_average_is_the_mean_of_every_weight()
    {
        Forest();
        File.WriteAllText(world.At("forest/experts/ants/generation_config.json"), """{"eos_token_id": [0, 7]}""");
        ForestAverage.Write(world.At("forest"), AverageWeights.Uniform, null, null, world.At("out"), fresh: false);
        using Checkpoint a = Checkpoint.Open(world.At("forest/experts/ants")), b = Checkpoint.Open(world.At("forest/experts/bees")),
            mean = Checkpoint.Open(world.At("out"));
        Assert.Equal([0, 7], mean.Config.EosTokenIds);
        foreach (var (name, shape) in mean.Config.TensorShapes())
        {
            float[] x = new float[shape.Aggregate(1L, (p, s) => p * s)], y = new float[x.Length], z = new float[x.Length];
            a.CopyTo(name, x);
            b.CopyTo(name, y);
            mean.CopyTo(name, z);
            for (var i = 0; i < x.Length; i++) Assert.Equal((float)((0.5 * x[i]) + (0.5 * y[i])), z[i]);
        }

        Assert.Equal(TextTokenizer.Load(world.Tokenizer).Hash, TextTokenizer.Load(world.At("out")).Hash);
    }

    [Fact]
    public void Argmax_is_that_expert_bit_for_bit()
    {
        Forest();
        ForestAverage.Write(world.At("forest"), AverageWeights.Argmax, "bees", null, world.At("out"), fresh: false);
        Assert.Equal(Tensors("forest/experts/bees"), Tensors("out"));
    }

    [Fact]
    public void Posterior_weights_are_the_cached_prior_of_the_domain()
    {
        Forest();
        var line = ForestAverage.Write(world.At("forest"), AverageWeights.Posterior, "bees", null, world.At("out"), fresh: false);
        Assert.EndsWith("0.200 ants + 0.800 bees", line);
        Assert.Contains("0.8", File.ReadAllText(world.At("out/average.json")));
    }

    [Fact]
    public void What_cannot_be_averaged_gets_one_line()
    {
        Forest();
        var unknown = Assert.Throws<BtxException>(() =>
            ForestAverage.Write(world.At("forest"), AverageWeights.Posterior, "cows", null, world.At("out"), fresh: false));
        Assert.Contains("no cached prior of domain \"cows\" over its ready experts; it has bees", unknown.Message);
        var taken = Assert.Throws<BtxException>(() =>
            ForestAverage.Write(world.At("forest"), AverageWeights.Uniform, null, null, world.Corpus, fresh: true));
        Assert.Contains("is not empty", taken.Message);
        world.Model("wide", 3, hidden: 32);
        var differ = Assert.Throws<BtxException>(() =>
            ModelAverage.Write([world.At("forest/experts/ants"), world.At("wide")], [0.5, 0.5], world.At("out")));
        Assert.Contains("different architectures", differ.Message);
        Assert.False(Directory.Exists(world.At("out")));
    }

    [Fact]
    public void The_prior_of_a_new_domain_is_estimated_on_its_text()
    {
        Forest();
        ForestAverage.Write(world.At("forest"), AverageWeights.Posterior, "cows", world.Corpus, world.At("out"), fresh: false);
        using var checkpoint = Checkpoint.Open(world.At("out"));
    }

    [Fact]
    public void Weights_or_a_tokenizer_other_than_the_recorded_ones_are_refused()
    {
        Forest();
        world.Model("forest/experts/bees", 9);
        var weights = Assert.Throws<BtxException>(() =>
            ForestAverage.Write(world.At("forest"), AverageWeights.Uniform, null, null, world.At("out"), fresh: false));
        Assert.Contains("the weights of expert \"bees\" are not those", weights.Message);
        BpeTrainer.Train(["abab abab"], 258, ["<|endoftext|>"]).Save(world.At("forest/experts/bees"));
        var tokenizer = Assert.Throws<BtxException>(() =>
            ForestAverage.Write(world.At("forest"), AverageWeights.Uniform, null, null, world.At("out"), fresh: false));
        Assert.Contains("its tokenizer differs", tokenizer.Message);
        Assert.False(Directory.Exists(world.At("out")));
    }

    [Fact]
    public async Task Unknown_weights_are_wrong_usage()
    {
        var (code, _, errors) = await TinyWorld.RunAsync("train", "average", "--forest", world.At("forest"), "--weights", "median", "--out",
            world.At("out"));
        Assert.Equal(2, code);
        Assert.Equal(
            ["error: --weights \"median\": use uniform, argmax, posterior", "see: btx train average --help"],
            errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private void Forest()
    {
        foreach (var (name, seed) in new[] { ("ants", 1), ("bees", 2) }) world.Model($"forest/experts/{name}", seed);
        ExpertEntry Entry(string name) => new()
        {
            Name = name,
            Domain = name,
            Path = $"experts/{name}",
            Sha256 = CheckpointFiles.Hash(world.At($"forest/experts/{name}"))
        };
        new ForestManifest
        {
            Architecture = world.Config().Fingerprint(),
            Tokenizer = TextTokenizer.Load(world.Tokenizer).Hash,
            Experts = [Entry("ants"), Entry("bees") with { Prior = new Dictionary<string, double> { ["ants"] = 0.2, ["bees"] = 0.8 } }],
        }.Save(world.At("forest"));
    }

    private Dictionary<string, float[]> Tensors(string model)
    {
        using var checkpoint = Checkpoint.Open(world.At(model));
        return checkpoint.Config.TensorShapes().ToDictionary(t => t.Name, t =>
        {
            var values = new float[t.Shape.Aggregate(1L, (p, s) => p * s)];
            checkpoint.CopyTo(t.Name, values);
            return values;
        });
    }
}
