using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Tensors;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Tests.Phases;

public sealed class TrainingRunTests : IDisposable
{
    private readonly TinyWorld world = new();

    public void Dispose() => world.Dispose();

    [Fact]
    public void The_same_random_seed_gives_the_same_weights_and_another_gives_others()
    {
        var weights = new[] { 1L, 1,
            2 }.Select((seed, i) => Weights(Train($"run-{i}", TinyWorld.Options with { RandomSeed = seed }))).ToArray();
        Assert.Equal(weights[0], weights[1]);
        Assert.NotEqual(weights[0], weights[2]);
    }

    [Fact]
    public void Training_lowers_the_loss_and_leaves_a_model_and_its_figures()
    {
        var directory = Train("run", TinyWorld.Options with { Tokens = 12_800 });
        using (var checkpoint = Checkpoint.Open(directory)) Assert.Equal(world.Config().Fingerprint(), checkpoint.Config.Fingerprint());
        var record = RunRecord.Load(directory)!;
        Assert.Equal(RunRecord.Finished, record.Status);
        Assert.Equal(12_800, record.Tokens);
        Assert.Equal(400, record.Steps);
        Assert.Equal("12800", record.Options["--tokens"]);
        Assert.Equal(TinyWorld.Domains, record.ValidationBitsPerByte!.Keys);
        var rows = File.ReadAllLines(Path.Combine(directory, "loss.csv"));
        Assert.Equal(401, rows.Length);
        Assert.True(double.Parse(rows[^1].Split(',')[2]) < double.Parse(rows[1].Split(',')[2]) - 1, $"{rows[1]} to {rows[^1]}");
        Assert.StartsWith("<svg", File.ReadAllText(Path.Combine(directory, "loss.svg")).TrimStart());
        Assert.False(Directory.Exists(Path.Combine(directory, "resume")));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(50)]
    public void Stopped_after_any_step_a_run_ends_with_the_weights_of_an_uninterrupted_one(int stopAfter)
    {
        var whole = Train("whole", TinyWorld.Options);
        using var stop = new CancellationTokenSource();
        // A resume point is written at every step; the callback stops the run when the point of the chosen step is there.
        var resume = Path.Combine(world.At("stopped"), "resume");
        var run = new TrainingRun(world.Job(), world.At("stopped"), new RunSettings { CheckpointSteps = 1, ValidateSteps = stopAfter },
            _ => stop.Cancel());
        Assert.Throws<OperationCanceledException>(() => run.Execute(stop.Token));
        var points = Directory.GetDirectories(resume).Select(Path.GetFileName).Order().ToArray();
        Assert.InRange(points.Length, 1, ResumeStore.Generations);
        Assert.False(File.Exists(Path.Combine(world.At("stopped"), "model.safetensors")));
        using var again = new CancellationTokenSource();
        var seen = 0;
        var second = new TrainingRun(world.Job(), world.At("stopped"),
            new RunSettings { CheckpointSteps = stopAfter, CheckpointSeconds = 0 }, p =>
        {
            if (p.Resumed > 0 && ++seen == 1) again.Cancel();
        });
        Assert.Throws<OperationCanceledException>(() => second.Execute(again.Token));
        var (record, trained) = new TrainingRun(world.Job(), world.At("stopped"), new RunSettings()).Execute();
        Assert.True(trained);
        Assert.Equal(63, record.Steps);
        Assert.Equal(Weights(whole), Weights(world.At("stopped")));
        Assert.Equal(Column(whole, 0), Column(world.At("stopped"), 0));
    }

    [Fact]
    public void A_damaged_resume_point_falls_back_to_the_one_before()
    {
        var whole = Train("whole", TinyWorld.Options);
        using var stop = new CancellationTokenSource();
        var run = new TrainingRun(world.Job(), world.At("run"), new RunSettings { CheckpointSteps = 1 },
            p =>
            {
                if (p.Tokens < p.TotalTokens)
                    stop.CancelAfter(1);
            });
        Assert.Throws<OperationCanceledException>(() => run.Execute(stop.Token));
        var points = Directory.GetDirectories(Path.Combine(world.At("run"), "resume")).Order().ToArray();
        if (points.Length == 2) File.WriteAllBytes(Path.Combine(points[1], "weights.safetensors"), [1, 2, 3]);
        new TrainingRun(world.Job(), world.At("run"), new RunSettings()).Execute();
        Assert.Equal(Weights(whole), Weights(world.At("run")));
    }

    [Fact]
    public void A_finished_run_says_so_and_trains_nothing()
    {
        var directory = Train("run", TinyWorld.Options);
        var before = File.GetLastWriteTimeUtc(Path.Combine(directory, "model.safetensors"));
        var (_, trained) = new TrainingRun(world.Job(), directory, new RunSettings()).Execute();
        Assert.False(trained);
        Assert.Equal(before, File.GetLastWriteTimeUtc(Path.Combine(directory, "model.safetensors")));
    }

    [Fact]
    public void Changed_options_are_refused_by_name_and_fresh_starts_over()
    {
        var directory = Train("run", TinyWorld.Options);
        var other = TinyWorld.Options with { LearningRate = 5e-3 };
        var e = Assert.Throws<BtxException>(() => new TrainingRun(world.Job(other), directory, new RunSettings()).Execute());
        Assert.Contains("--lr is 0.005, but the run in", e.Message);
        Assert.Contains("was started with 0.01", e.Message);
        var (record, trained) = new TrainingRun(world.Job(other), directory, new RunSettings { Fresh = true }).Execute();
        Assert.True(trained);
        Assert.Equal("0.005", record.Options["--lr"]);
    }

    [Fact]
    public void Of_several_changed_options_one_that_both_have_is_shown_and_the_others_are_named()
    {
        var started = new Dictionary<string, string> { ["--router-init"] = "ridge", ["--states"] = "own" };
        var options = new Dictionary<string, string> { ["--random-seed"] = "1", ["--router-init"] = "random" };
        var e = Assert.Throws<BtxException>(() => RunRecord.RequireSame(started, options, "mix"));
        Assert.StartsWith("--router-init is random, but the run in mix was started with ridge (--random-seed, --states changed too); ",
            e.Message);
        RunRecord.RequireSame(started, started, "mix");
    }

    [Fact]
    public void A_run_that_cannot_begin_leaves_no_record_to_disagree_with()
    {
        Assert.Throws<BtxException>(() => Train("run", TinyWorld.Options with { Device = "cuda:63" }));
        Assert.Null(RunRecord.Load(world.At("run")));
        Assert.True(File.Exists(Path.Combine(Train("run", TinyWorld.Options), "model.safetensors")));
    }

    [Fact]
    public void Accumulated_micro_batches_train_on_the_windows_of_one_large_batch()
    {
        var large = Train("large", TinyWorld.Options with { Tokens = 640, Batch = 4 });
        var small = Train("small", TinyWorld.Options with { Tokens = 640, Batch = 1, Accumulate = 4 });
        using Checkpoint a = Checkpoint.Open(large), b = Checkpoint.Open(small);
        foreach (var (name, shape) in a.Config.TensorShapes())
        {
            float[] x = new float[shape.Aggregate(1L, (p, s) => p * s)], y = new float[x.Length];
            a.CopyTo(name, x);
            b.CopyTo(name, y);
            for (var i = 0; i < x.Length; i++) Assert.Equal(x[i], y[i], 2e-3f);
        }
    }

    [Fact]
    public void A_loss_that_is_not_finite_ends_the_run_with_advice()
    {
        var e = Assert.Throws<BtxException>(() => Train("run", TinyWorld.Options with
        {
            LearningRate = 1e3,
            WarmUp = 0,
            Tokens = 12_800,
            Optimizer = new() { ClipNorm = 0, WeightDecay = 1000 }
        }));
        Assert.Contains("became", e.Message);
        Assert.Contains("lower --lr", e.Message);
        Assert.False(File.Exists(Path.Combine(world.At("run"), "model.safetensors")));
    }

    [Fact]
    public void Two_processes_cannot_train_in_one_directory()
    {
        using var held = RunLock.Acquire(world.At("run"));
        Assert.Contains("in use by another process of btx", Assert.Throws<BtxException>(() => Train("run", TinyWorld.Options)).Message);
    }

    [Fact]
    public void A_model_that_no_run_made_is_not_overwritten()
    {
        var model = world.Model("foreign", 1);
        Assert.Contains("choose another directory", Assert.Throws<BtxException>(() => Train("foreign", TinyWorld.Options)).Message);
        using var checkpoint = Checkpoint.Open(model);
    }

    [Theory]
    [InlineData("--batch", 0, 16, 1e-2)]
    [InlineData("--sequence", 2, 33, 1e-2)]
    [InlineData("--lr", 2, 16, double.NaN)]
    [InlineData("--lr", 2, 16, 0)]
    public void Options_out_of_range_are_refused_by_name_before_anything_is_written(string flag, int batch, int sequence, double rate)
    {
        var options = TinyWorld.Options with { Batch = batch, Sequence = sequence, LearningRate = rate };
        Assert.StartsWith(flag + " is ", Assert.Throws<BtxException>(() => Train("run", options)).Message);
        Assert.False(Directory.Exists(world.At("run")));
    }

    private string Train(string name, TrainingOptions options)
    {
        new TrainingRun(world.Job(options), world.At(name),
            new RunSettings { ValidationWindows = 4 }).Execute(TestContext.Current.CancellationToken);
        return world.At(name);
    }

    private static byte[] Weights(string directory) => File.ReadAllBytes(Path.Combine(directory, "model.safetensors"));

    private static string[] Column(string directory, int column) =>
        [.. File.ReadLines(Path.Combine(directory, "loss.csv")).Select(l => l.Split(',')[column])];
}
