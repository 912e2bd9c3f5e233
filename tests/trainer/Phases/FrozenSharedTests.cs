using Btx.Model;
using Btx.Model.Forests;
using Btx.Model.Tensors;
using Btx.Trainer.Checkpoints;
using Btx.Model.Moe;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Tests.Phases;

/// <summary><c>--freeze shared</c>: only the feed-forwards of an expert learn.</summary>
public sealed class FrozenSharedTests : IDisposable
{
    private static readonly TrainingOptions Frozen = TinyWorld.Options with
    {
        FreezeShared = true,
        Optimizer = new() { WeightDecay = 0.5 }
    };
    private readonly TinyWorld world = new();

    public void Dispose() => world.Dispose();

    [Fact]
    public async Task A_round_moves_the_feed_forwards_alone_and_its_mixture_has_the_seed_s_other_weights_bit_for_bit()
    {
        world.Model("seed", 1);
        string[] round = ["round", "--seed", world.At("seed"), "--domains", "ants,bees,cows", "--parallel", "2", "--freeze", "shared"];
        await Run(round);
        await Run(["expert", "--from", world.At("seed"), "--domain", "cows", "--name", "cattle", "--freeze", "shared"]);
        var forest = ForestManifest.Load(world.At("forest"));
        Assert.Equal(["ants", "bees", "cows", "cattle"], forest.Experts.Select(e => e.Name));
        foreach (var expert in forest.Experts) AssertOnlyFeedForwardsMoved(world.At("seed"), world.At($"forest/{expert.Path}"));
        Assert.Equal("shared", RunRecord.Load(world.At("forest/runs/round-1/ants"))!.Options["--freeze"]);

        await Run(["mix", "--forest", world.At("forest"), "--router-init", "random", "--out", world.At("mix")]);
        using (Checkpoint seed = Checkpoint.Open(world.At("seed")), mix = Checkpoint.Open(world.At("mix")))
            Assert.All(Shared(seed), name => Assert.Equal(Values(seed, name), Values(mix, name)));
        await Run(["finetune", "--model", world.At("mix"), "--out", world.At("tuned")]);
        using (Checkpoint seed = Checkpoint.Open(world.At("seed")), tuned = Checkpoint.Open(world.At("tuned")))
            Assert.All(Shared(seed), name => Assert.NotEqual(Values(seed, name), Values(tuned, name)));

        var other = await TinyWorld.RunAsync(Arguments([.. round[..^1], "nothing"]));
        Assert.Equal(1, other.Code);
        Assert.Contains("--freeze is (not set), but the run in", other.Errors);
        Assert.Contains("was started with shared", other.Errors);
    }

    [Fact]
    public async Task Later_rounds_inherit_it_and_experts_branched_from_several_still_share()
    {
        world.Model("seed", 1);
        await Run(["round", "--seed", world.At("seed"), "--domains", "ants,bees", "--freeze", "shared"]);
        await Run(["round", "--domains", "cows", "--branch", "uniform"]);
        await Run(["round", "--domains", "ants", "--round", "3", "--freeze", "nothing"]);
        AssertOnlyFeedForwardsMoved(world.At("seed"), world.At("forest/experts/cows"));
        using Checkpoint seed = Checkpoint.Open(world.At("seed")), free = Checkpoint.Open(world.At("forest/experts/ants-r3"));
        Assert.All(Shared(seed), name => Assert.NotEqual(Values(seed, name), Values(free, name)));
    }

    [Fact]
    public void Stopped_and_resumed_it_ends_with_the_same_weights_and_the_optimizer_keeps_nothing_for_what_is_frozen()
    {
        world.Model("seed", 1);
        var job =
            world.Job(Frozen) with { Parents = [new BranchParent("seed", 1, world.At("seed"), CheckpointFiles.Hash(world.At("seed")))] };
        new TrainingRun(job, world.At("whole"), new() { ValidationWindows = 4 }).Execute(TestContext.Current.CancellationToken);
        for (var stops = 0; stops < 3; stops++) Stop(job, "stopped");
        var moments = Directory.GetFiles(world.At("stopped"), "optimizer.bin", SearchOption.AllDirectories)
            .Max(f => new FileInfo(f).Length);
        new TrainingRun(job, world.At("stopped"), new() { ValidationWindows = 4 }).Execute(TestContext.Current.CancellationToken);
        Assert.Equal(File.ReadAllBytes(world.At("whole/model.safetensors")), File.ReadAllBytes(world.At("stopped/model.safetensors")));
        AssertOnlyFeedForwardsMoved(world.At("seed"), world.At("stopped"));
        var config = world.Config();
        long learning = 3L * config.HiddenSize * config.IntermediateSize * config.NumHiddenLayers;
        Assert.InRange(moments, 8 * learning, (8 * learning) + 4096); // two fp32 moments for each weight that learns
    }

    [Fact]
    public void A_run_from_before_the_choice_is_the_same_run()
    {
        Assert.DoesNotContain(TinyWorld.Options.Flags(), f => f.Key == "--freeze");
        Assert.Contains(new("--freeze", "shared"), Frozen.Flags());
    }

    [Theory]
    [InlineData("--freeze attention: unknown; choose shared or nothing", "--freeze", "attention")]
    [InlineData("--freeze shared with --random-init: random embeddings and attention would never learn", "--freeze", "shared",
        "--random-init")]
    public async Task A_bad_value_is_one_line_and_writes_nothing(string message, params string[] more)
    {
        world.Model("seed", 1);
        var result = await TinyWorld.RunAsync(Arguments(["round", "--seed", world.At("seed"), .. more]));
        Assert.Equal(1, result.Code);
        Assert.StartsWith("error: " + message, result.Errors);
        Assert.Single(result.Errors.TrimEnd().Split('\n'));
        Assert.False(Directory.Exists(world.At("forest")));
    }

    private static void AssertOnlyFeedForwardsMoved(string from, string to)
    {
        using Checkpoint before = Checkpoint.Open(from), after = Checkpoint.Open(to);
        foreach (var name in before.Config.TensorShapes().Select(t => t.Name))
            Assert.True(MoeWeights.IsFeedForward(name) != Values(before, name).AsSpan().SequenceEqual(Values(after, name)), name);
    }

    private static IEnumerable<string> Shared(Checkpoint model) =>
        model.Config.TensorShapes().Select(t => t.Name).Where(n => !MoeWeights.IsFeedForward(n));

    private static float[] Values(Checkpoint model, string name)
    {
        var values = new float[model.Info(name).ElementCount];
        model.CopyTo(name, values);
        return values;
    }

    private void Stop(TrainingJob job, string name)
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => new TrainingRun(job, world.At(name),
            new() { CheckpointSteps = 5, ValidationWindows = 4 }, _ => stop.Cancel()).Execute(stop.Token));
    }

    private async Task Run(string[] verb)
    {
        var result = await TinyWorld.RunAsync(Arguments(verb));
        Assert.Equal((0, ""), (result.Code, result.Errors));
    }

    private string[] Arguments(string[] verb) => verb[0] switch
    {
        "mix" => ["train", .. verb],
        "finetune" => ["train", .. verb, "--corpus", world.Corpus, "--tokens", "320", "--sequence", "16", "--validation-windows", "4"],
        _ => ["train", .. verb, "--forest", world.At("forest"), "--corpus", world.Corpus, "--tokens", "320", "--sequence", "16",
            "--validation-windows", "4"],
    };
}
