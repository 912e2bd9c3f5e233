using System.Xml.Linq;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Networks;
using Btx.Trainer.Phases;
using TorchSharp;

namespace Btx.Trainer.Tests.Phases;

public sealed class FineTuneTests : IDisposable
{
    private static readonly TrainingOptions Short = TinyWorld.Options with { Tokens = 960, Batch = 1, Accumulate = 2 }; // 30 steps
    private readonly TinyWorld world = new();

    public void Dispose() => world.Dispose();

    [Theory]
    [InlineData(RouterKind.TopK, 2)]
    [InlineData(RouterKind.Switch, 1)]
    [InlineData(RouterKind.SampleTop1, 1)]
    [InlineData(RouterKind.Soft, 4)]
    public void Every_router_learns_and_leaves_a_mixture_its_lineage_and_its_routing(string kind, int k)
    {
        var job = world.FineTune(world.Moe("mixture"), new() { Router = kind }, TinyWorld.Options with { Tokens = 6_400 });
        var statistics = Path.Combine(world.At("mixture"), RouterStatistics.FileName);
        new RouterStatistics(HiddenStateForm.Own, 1, [new("expert-0", "", "", [new(1, [1], [1], [1])])]).Save(statistics);
        var tuned = Run(job, "tuned");
        Assert.Equal(File.ReadAllBytes(statistics), File.ReadAllBytes(Path.Combine(tuned, RouterStatistics.FileName)));
        var config = LlamaConfig.Load(tuned);
        Assert.Equal((4, k), (config.Moe!.Experts, config.Moe.ExpertsPerToken));
        var manifest = BtxManifest.Of(tuned, config, TextTokenizer.Load(tuned).Hash, CheckpointFiles.Hash(tuned));
        Assert.Equal((kind, k), (manifest.Router.Kind, manifest.Router.ExpertsPerToken));
        Assert.Equal(kind == RouterKind.SampleTop1 ? [0] : [], manifest.Router.SoftLayers);
        Assert.Equal(["expert-0", "expert-1", "expert-2", "expert-3"], manifest.Experts.Select(e => e.Name));
        Assert.Equal((6_400, 200, 0.01, false),
            (manifest.FineTune!.Tokens, manifest.FineTune.Steps, manifest.FineTune.LoadBalancing, manifest.FineTune.FrozenExperts));
        Assert.Equal(TinyWorld.Domains, manifest.FineTune.Corpora.Keys);
        Assert.Equal(1, manifest.FineTune.Weights.Values.Sum(), 12);

        var loss = Rows(tuned, "loss.csv");
        Assert.True(double.Parse(loss[^1][2]) < double.Parse(loss[0][2]) - 1, $"{loss[0][2]} to {loss[^1][2]}");
        Assert.InRange(double.Parse(loss[^1][6]), 0.9, 4.001);
        var routing = Rows(tuned, "routing.csv");
        Assert.Equal(20 * 2 * 4, routing.Length);
        foreach (var layer in routing.GroupBy(r => (r[0], r[2])))
        {
            Assert.Equal(1, layer.Sum(r => double.Parse(r[5])), 1e-5);
            Assert.Equal(1, layer.Sum(r => double.Parse(r[6])), 1e-5);
        }

        var record = RunRecord.Load(tuned)!;
        Assert.Equal(kind, record.Options["--router"]);
        Assert.NotNull(record.RoutingAlarms);
        var svg = XDocument.Load(Path.Combine(tuned, "routing.svg")).Root!.Value;
        Assert.All(["layer 0", "layer 1", "ants", "cows", "expert-3"], text => Assert.Contains(text, svg));
        using var model = LlamaCheckpoint.Load(tuned, torch.CPU);
        Assert.All(model.Moe, m => Assert.Equal(k, m.ExpertsPerToken));
    }

    [Theory]
    [InlineData(RouterKind.SampleTop1)]
    [InlineData(RouterKind.TopK)]
    public void Stopped_and_resumed_it_ends_with_the_same_weights_and_the_same_statistics(string kind)
    {
        var job = world.FineTune(world.Moe("mixture"), new() { Router = kind, Seed = 7 }, Short);
        var whole = Run(job, "whole", new() { StatisticsSteps = 4 });
        for (var stops = 0; stops < 3; stops++)
        {
            using var stop = new CancellationTokenSource();
            var run = new TrainingRun(job, world.At("stopped"), new() { StatisticsSteps = 4, CheckpointSteps = 5, ValidationWindows = 4 },
                _ => stop.Cancel());
            Assert.Throws<OperationCanceledException>(() => run.Execute(stop.Token));
        }

        var stopped = Run(job, "stopped", new() { StatisticsSteps = 4 });
        Assert.Equal(Bytes(whole, "model.safetensors"), Bytes(stopped, "model.safetensors"));
        Assert.Equal(File.ReadAllText(Path.Combine(whole, "routing.csv")), File.ReadAllText(Path.Combine(stopped, "routing.csv")));
        Assert.Equal(File.ReadAllText(Path.Combine(whole, "routing.json")), File.ReadAllText(Path.Combine(stopped, "routing.json")));
        Assert.Equal(File.ReadAllText(Path.Combine(whole, "btx.json")), File.ReadAllText(Path.Combine(stopped, "btx.json")));
    }

    [Fact]
    public void Another_random_seed_samples_other_experts()
    {
        var moe = world.Moe("mixture");
        var runs = new[] { 1L, 1, 2 }.Select((seed, i) =>
            Run(world.FineTune(moe, new() { Router = RouterKind.SampleTop1, Seed = seed }, Short), $"run-{i}")).ToArray();
        Assert.Equal(Bytes(runs[0], "model.safetensors"), Bytes(runs[1], "model.safetensors"));
        Assert.NotEqual(Bytes(runs[0], "routing.csv"), Bytes(runs[2], "routing.csv"));
    }

    [Fact]
    public void Frozen_experts_stay_as_they_are_bit_for_bit_and_the_optimizer_keeps_nothing_for_them()
    {
        var moe = world.Moe("mixture");
        var job = world.FineTune(moe, new(), Short, freeze: true);
        long State(TrainingJob of, string name)
        {
            using var stop = new CancellationTokenSource();
            Assert.Throws<OperationCanceledException>(() =>
                new TrainingRun(of, world.At(name), new() { CheckpointSteps = 1 }, _ => stop.Cancel()).Execute(stop.Token));
            return Directory.GetFiles(world.At(name), "optimizer.bin", SearchOption.AllDirectories).Max(f => new FileInfo(f).Length);
        }

        var tuned = Run(job, "tuned");
        using Checkpoint before = Checkpoint.Open(moe), after = Checkpoint.Open(tuned);
        var expertElements = 0L;
        foreach (var (name, shape) in before.Config.TensorShapes())
        {
            float[] x = new float[shape.Aggregate(1L, (p, s) => p * s)], y = new float[x.Length];
            before.CopyTo(name, x);
            after.CopyTo(name, y);
            var expert = name.Contains(".experts.", StringComparison.Ordinal);
            if (expert) expertElements += x.Length;
            Assert.True(expert == x.AsSpan().SequenceEqual(y), name);
        }

        Assert.True(BtxManifest.Load(tuned).FineTune!.FrozenExperts);
        // Two fp32 moments for each weight that learns.
        Assert.InRange(State(job with { Moe = job.Moe! with { FreezeExperts = false } }, "free") - State(job, "frozen"),
            8 * expertElements, (8 * expertElements) + 4096);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(0.01, false)]
    public void Without_load_balancing_a_starved_expert_dies_with_an_alarm_and_with_it_it_lives(double alpha, bool dies)
    {
        // Every token has a positive first element here, and the router of layer 1 holds it against expert 2.
        var moe = world.Moe("mixture", rig: model =>
        {
            using var mode = torch.no_grad();
            foreach (var (name, parameter) in model.NamedParameters)
            {
                if (name == "model.embed_tokens.weight") parameter.narrow(1, 0, 1).fill_(2);
                if (name == "model.layers.1." + MoeConfig.RouterTensor) parameter.narrow(0, 2, 1).narrow(1, 0, 1).fill_(-1);
            }
        });
        var options = TinyWorld.Options with { Tokens = 5_120, LearningRate = 3e-3, Optimizer = new() { WeightDecay = 0 } };
        var lines = new List<string>();
        new TrainingRun(world.FineTune(moe, new() { LoadBalancing = alpha }, options), world.At("tuned"),
            new() { ValidationWindows = 4, StatisticsSteps = 40 }, warn: lines.Add).Execute(TestContext.Current.CancellationToken);
        var last = Rows(world.At("tuned"), "routing.csv").Last(r => r[2] == "1" && r[3] == "2");
        var alarms = RunRecord.Load(world.At("tuned"))!.RoutingAlarms!;
        if (dies)
        {
            Assert.True(double.Parse(last[6]) < 0.01, last[6]);
            var line = Assert.Single(lines,
                l => l.StartsWith("ALARM: layer 1: expert 2 (expert-2) gets 0.00 % of the gates at step 120", StringComparison.Ordinal));
            Assert.EndsWith("start over with --fresh and --load-balancing 0.01", line);
            Assert.Contains(alarms, a => (a.Step, a.Layer, a.Expert) == (120, 1, 2));
            Assert.Contains("\"alarms\": [\n", File.ReadAllText(Path.Combine(world.At("tuned"), "routing.json")));
        }
        else
        {
            Assert.True(double.Parse(last[6]) > 0.05, last[6]);
            Assert.DoesNotContain(lines, l => l.StartsWith("ALARM", StringComparison.Ordinal));
            Assert.Empty(alarms);
        }
    }

    [Fact]
    public void Weights_of_the_domains_are_drawn_by_and_recorded()
    {
        var moe = world.Moe("mixture");
        var job = world.FineTune(moe, new(), Short) with { Weights = DomainWeights.Parse(["bees=0", "cows=3"], TinyWorld.Domains) };
        var tuned = Run(job, "tuned");
        Assert.Equal(new Dictionary<string, double> { ["ants"] = 0.25, ["bees"] = 0, ["cows"] = 0.75 }, RunRecord.Load(tuned)!.Weights);
        Assert.Equal([0.25, 0, 0.75], BtxManifest.Load(tuned).FineTune!.Weights.Values);
        var e = Assert.Throws<BtxException>(() => new TrainingRun(job with { Weights = null }, tuned, new()).Execute());
        Assert.Contains("--weights is (not set), but the run in", e.Message);
        Assert.NotEqual(Bytes(tuned, "model.safetensors"), Bytes(Run(job with { Weights = null }, "even"), "model.safetensors"));
    }

    [Fact]
    public void Tuned_again_a_mixture_says_what_it_was_tuned_on_in_all()
    {
        var first = Run(world.FineTune(world.Moe("mixture"), new(), Short) with { Weights = [1, 0, 0] }, "first");
        var second = Run(world.FineTune(first, new() { Router = RouterKind.Switch }, Short with { Tokens = 2_880 },
            freeze: true) with
        { Weights = [0, 0, 1] }, "second");
        var tuned = BtxManifest.Load(second).FineTune!;
        Assert.Equal((3_840, 120, false), (tuned.Tokens, tuned.Steps, tuned.FrozenExperts));
        Assert.Equal([0.25, 0, 0.75], tuned.Weights.Values);
    }

    [Fact]
    public void A_router_that_holds_no_number_and_a_loss_that_is_none_are_one_line()
    {
        var moe = world.Moe("mixture", rig: model =>
        {
            using var mode = torch.no_grad();
            model.NamedParameters.First(p =>
                p.Name.EndsWith(MoeConfig.RouterTensor, StringComparison.Ordinal)).Parameter.fill_(double.NaN);
        });
        var e = Assert.Throws<BtxException>(() => Run(world.FineTune(moe, new(), Short), "tuned"));
        Assert.Contains("block_sparse_moe.gate.weight", e.Message);
        var fast = TinyWorld.Options with
        {
            LearningRate = 1e3,
            WarmUp = 0,
            Tokens = 12_800,
            Optimizer = new() { ClipNorm = 0, WeightDecay = 1000 }
        };
        e = Assert.Throws<BtxException>(() => Run(world.FineTune(world.Moe("sound"), new(), fast), "diverged"));
        Assert.Contains("lower --lr", e.Message);
        Assert.DoesNotContain('\n', e.Message);
    }

    private string Run(TrainingJob job, string name, RunSettings? settings = null)
    {
        new TrainingRun(job, world.At(name),
            (settings ?? new()) with { ValidationWindows = 4 }).Execute(TestContext.Current.CancellationToken);
        return world.At(name);
    }

    private static byte[] Bytes(string directory, string file) => File.ReadAllBytes(Path.Combine(directory, file));

    private static string[][] Rows(string directory, string file) =>
        [.. File.ReadLines(Path.Combine(directory, file)).Skip(1).Select(l => l.Split(','))];
}
