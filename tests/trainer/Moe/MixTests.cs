using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Moe;

namespace Btx.Trainer.Tests.Moe;

public sealed class MixTests : IDisposable
{
    private static readonly (string Moe, string Dense)[] FeedForward = [("w1", "gate_proj"), ("w2", "down_proj"), ("w3", "up_proj")];
    private readonly MixWorld world = new();

    public void Dispose() => world.Dispose();

    [Fact]
    public void Feed_forwards_are_copied_and_everything_else_is_the_mean()
    {
        MixWorld.Mix(world.Request with { Seed = world.At("seed") });
        var mix = world.Tensors("mix");
        var members = new[] { "forest/experts/ants", "forest/experts/bees", "forest/experts/cows", "seed" }.Select(world.Tensors).ToArray();
        var names = mix.Keys.ToHashSet();
        foreach (var (name, values) in mix.Where(t => !t.Key.Contains("block_sparse_moe", StringComparison.Ordinal)))
        {
            names.Remove(name);
            for (var i = 0; i < values.Length; i++) Assert.Equal((float)members.Sum(m => 0.25 * (double)m[name][i]), values[i]);
        }

        for (var l = 0; l < 2; l++)
        {
            for (var e = 0; e < 4; e++)
            {
                foreach (var (moe, dense) in FeedForward)
                {
                    names.Remove($"model.layers.{l}.block_sparse_moe.experts.{e}.{moe}.weight");
                    Assert.Equal(members[e][$"model.layers.{l}.mlp.{dense}.weight"],
                        mix[$"model.layers.{l}.block_sparse_moe.experts.{e}.{moe}.weight"]);
                }
            }
        }

        Assert.Equal(["model.layers.0.block_sparse_moe.gate.weight", "model.layers.1.block_sparse_moe.gate.weight"], names.Order());
    }

    [Fact]
    public void The_result_is_a_Mixtral_directory_that_says_where_it_comes_from()
    {
        var forest = world.Forest("forest", ["ants", "bees", "cows"],
            e => e with { Parents = [new("seed", 1)], Tokens = 7, Steps = 2, Round = 3 });
        var (report, made) = MixWorld.Mix(world.Request with { Seed = world.At("seed"), K = 3 });
        Assert.True(made);
        var config = LlamaConfig.Load(world.At("mix"));
        Assert.Equal(new MoeConfig(4, 3), config.Moe);
        var manifest = world.Manifest("mix");
        Assert.Equal(["ants", "bees", "cows", "seed"], manifest.Experts.Select(e => e.Name));
        Assert.Equal([.. forest.Experts.Select(e => e.Sha256), CheckpointFiles.Hash(world.At("seed"))],
            manifest.Experts.Select(e => e.Sha256!));
        Assert.Equal(new ParentEntry("seed", 1), Assert.Single(manifest.Experts[1].Parents));
        Assert.Equal((7, 2), (manifest.Experts[0].Tokens, manifest.Experts[0].Steps));
        Assert.Equal((forest.Hash(), RouterKind.TopK, 3, "random"),
            (manifest.ForestSha256, manifest.Router.Kind, manifest.Router.ExpertsPerToken, manifest.Router.Init));
        Assert.Equal(config.ParameterCount, report.Parameters);
        Assert.Equal(config.ParameterCount - (2 * 3 * 16 * 24), report.ActiveParameters);
        Assert.Equal(["ants", "bees", "cows", "seed"], RunRecord.Load(world.At("mix"))!.Parents.Select(p => p.Name));
        Assert.Equal((MixRun.Phase, RunRecord.Finished), (RunRecord.Load(world.At("mix"))!.Phase, RunRecord.Load(world.At("mix"))!.Status));
        Assert.True(File.Exists(world.At("mix/tokenizer.json")));
        Assert.Equal([null, null, null, world.At("seed")], manifest.Experts.Select(e => e.Source));
    }

    [Theory]
    [InlineData(RouterKind.TopK, 2, 0)]
    [InlineData(RouterKind.Switch, 1, 0)]
    [InlineData(RouterKind.SampleTop1, 1, 1)]
    [InlineData(RouterKind.Soft, 3, 0)]
    public void The_router_s_kind_says_how_many_experts_run(string kind, int k, int softLayers)
    {
        MixWorld.Mix(world.Request with { Router = kind });
        Assert.Equal(k, LlamaConfig.Load(world.At("mix")).Moe!.ExpertsPerToken);
        Assert.Equal((kind, k, softLayers), (world.Manifest("mix").Router.Kind, world.Manifest("mix").Router.ExpertsPerToken,
            world.Manifest("mix").Router.SoftLayers.Count));
    }

    [Fact]
    public void Copies_of_one_model_are_that_model_with_the_same_feed_forward_everywhere()
    {
        MixWorld.Mix(new MixRequest { Upcycle = world.At("seed"), Copies = 3, Output = world.At("mix") });
        var (mix, seed) = (world.Tensors("mix"), world.Tensors("seed"));
        foreach (var (name, values) in mix.Where(t => !t.Key.Contains("block_sparse_moe", StringComparison.Ordinal)))
            Assert.Equal(seed[name], values);
        for (var e = 0; e < 3; e++)
            Assert.Equal(seed["model.layers.1.mlp.down_proj.weight"], mix[$"model.layers.1.block_sparse_moe.experts.{e}.w2.weight"]);
        Assert.Equal(["copy-0", "copy-1", "copy-2"], world.Manifest("mix").Experts.Select(e => e.Name));
        Assert.Null(world.Manifest("mix").ForestSha256);
    }

    [Fact]
    public void Experts_are_indexed_in_the_order_asked_for_and_quarantined_ones_stay_out()
    {
        world.Forest("forest", ["ants", "bees", "cows"], e => e.Name == "bees" ? e with { Status = ExpertStatus.Quarantined } : e);
        Assert.Equal(["ants", "cows"], MixWorld.Mix(world.Request).Report.Experts);
        Assert.Equal(["cows", "ants"], MixWorld.Mix(world.Request with { Experts = ["cows", "ants"], Fresh = true }).Report.Experts);
        Assert.Equal(world.Tensors("forest/experts/cows")["model.layers.0.mlp.up_proj.weight"],
            world.Tensors("mix")["model.layers.0.block_sparse_moe.experts.0.w3.weight"]);
    }

    [Fact]
    public void Random_routers_follow_from_the_seed_alone_and_have_the_stated_deviation()
    {
        var a = RandomRouter.Make(2, 8, 500, 5);
        Assert.Equal(a, RandomRouter.Make(2, 8, 500, 5));
        Assert.NotEqual(a[0], RandomRouter.Make(2, 8, 500, 6)[0]);
        Assert.NotEqual(a[0], a[1]);
        Assert.InRange(Math.Sqrt(a[0].Average(v => (double)v * v)) / Math.Sqrt(2.0 / 2500), 0.97, 1.03);
        Assert.InRange(a[0].Average(), -0.002, 0.002);
    }

    [Fact]
    public void A_router_is_read_from_a_file_exactly()
    {
        MixWorld.Mix(world.Request);
        MixWorld.Mix(world.Request with { RouterInit = world.At("mix/model.safetensors"), Output = world.At("again") });
        Assert.Equal(CheckpointFiles.Hash(world.At("mix")), CheckpointFiles.Hash(world.At("again")));
        Assert.Equal("file", world.Manifest("again").Router.Init);
    }

    [Fact]
    public void Large_mixtures_go_into_shards()
    {
        using Checkpoint a = Checkpoint.Open(world.At("forest/experts/ants")), b = Checkpoint.Open(world.At("forest/experts/bees"));
        var weights = new MoeWeights([a, b]);
        Directory.CreateDirectory(world.At("sharded"));
        weights.Write(world.At("sharded"), weights.Config(1), RandomRouter.Make(2, 2, 16, 1), _ => { }, CancellationToken.None,
            shardBytes: 20_000);
        Assert.True(CheckpointFiles.Weights(world.At("sharded")).Count > 1);
        MixWorld.Mix(world.Request with { Experts = ["ants", "bees"] });
        Assert.Equal(world.Tensors("mix"), world.Tensors("sharded"));
    }

    [Fact]
    public void Experts_stored_as_bfloat16_give_a_mixture_stored_so()
    {
        foreach (var (name, seed) in new[] { ("ants", 11), ("bees", 12) })
            world.Model($"forest/experts/{name}", seed, world.Config with { TorchDtype = "bfloat16" });
        world.Forest("forest", ["ants", "bees"]);
        MixWorld.Mix(world.Request);
        using (var mix = Checkpoint.Open(world.At("mix")))
        {
            Assert.Equal("bfloat16", mix.Config.TorchDtype);
            Assert.Equal(TensorDtype.BF16, mix.Info("model.norm.weight").Dtype);
        }

        var (all, ants, bees) = (world.Tensors("mix"), world.Tensors("forest/experts/ants"), world.Tensors("forest/experts/bees"));
        Assert.Equal(bees["model.layers.1.mlp.up_proj.weight"], all["model.layers.1.block_sparse_moe.experts.1.w3.weight"]);
        const string embedding = "model.embed_tokens.weight";
        for (var i = 0; i < 64; i++)
            Assert.Equal((ants[embedding][i] + bees[embedding][i]) / 2, all[embedding][i], Math.Abs(all[embedding][i] / 256) + 1e-9);
    }

    [Fact]
    public void The_same_command_finds_it_done_and_others_need_fresh()
    {
        Assert.True(MixWorld.Mix(world.Request).Made);
        var written = File.GetLastWriteTimeUtc(world.At("mix/model.safetensors"));
        Assert.False(MixWorld.Mix(world.Request).Made);
        Assert.Equal(written, File.GetLastWriteTimeUtc(world.At("mix/model.safetensors")));
        var other = Assert.Throws<Btx.Model.BtxException>(() => MixWorld.Mix(world.Request with { RandomSeed = 2 }));
        Assert.StartsWith("--random-seed is 2, but the run in", other.Message);
        Assert.True(MixWorld.Mix(world.Request with { RandomSeed = 2, Fresh = true }).Made);
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(world.At("")), e => e.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Fact]
    public void A_stopped_mix_leaves_nothing()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => MixWorld.Mix(world.Request, stop.Token));
        Assert.False(Directory.Exists(world.At("mix")));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(world.At("")), e => e.EndsWith(".tmp", StringComparison.Ordinal));
    }
}
