using Btx.Trainer.Checkpoints;
using Btx.Trainer.Corpora;
using Btx.Trainer.Phases;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Tests.Phases;

/// <summary>Runs whose validation decides. The text validated on is another language than the one learned, so that it gets worse early and for good.</summary>
public sealed class EarlyStopTests : IDisposable
{
    private static readonly TrainingOptions Options = TinyWorld.Options with { Tokens = 6_400, WarmUp = 0, Patience = 2 };
    private readonly TinyWorld world = new();
    private readonly List<string> said = [];

    public EarlyStopTests()
    {
        var manifest = CorpusManifest.Read(world.Corpus);
        CorpusDomain[] domains = [manifest.Domains[0] with { Validation = manifest.Domains[2].Validation }, .. manifest.Domains.Skip(1)];
        (manifest with { Domains = domains }).Write(world.Corpus);
    }

    public void Dispose() => world.Dispose();

    [Fact]
    public void A_run_stops_when_validation_has_not_improved_and_keeps_the_best_weights()
    {
        var record = Train("stopped", Options);
        var stop = record.EarlyStop!;
        Assert.True(stop.Kept < stop.Stopped && stop.Stopped < stop.Budget, stop.ToString());
        Assert.Equal((6_400, stop.Kept, stop.Kept / 32), (stop.Budget, record.Tokens, record.Steps));
        Assert.Contains(said, s => s.StartsWith($"seed: stopped after {stop.Stopped / 1000.0:F2} k tokens of 6.40 k tokens; kept are the weights after ", StringComparison.Ordinal));
        Assert.Contains(said, s => s.StartsWith("warning: validation rises, from ", StringComparison.Ordinal));

        // With a constant rate the kept weights are those of a run that was meant to end there.
        Train("short", Options with { Tokens = stop.Kept, Patience = null });
        Assert.Equal(Weights("short"), Weights("stopped"));
        Assert.Equal(stop.Stopped / 32, long.Parse(File.ReadAllLines(Path.Combine(world.At("stopped"), "loss.csv"))[^1].Split(',')[0]));
    }

    [Fact]
    public void Interrupted_again_and_again_it_stops_at_the_same_step_with_the_same_weights()
    {
        var whole = Train("whole", Options);
        for (var interruptions = 0; ; interruptions++)
        {
            using var stop = new CancellationTokenSource();
            var seen = 0;
            try
            {
                var (record, _) = new TrainingRun(Job(Options), world.At("again"), new RunSettings { CheckpointSteps = 7 }, p => { if (++seen == 2) stop.Cancel(); }).Execute(stop.Token);
                Assert.Equal(whole.EarlyStop, record.EarlyStop);
                Assert.True(interruptions > 0);
                break;
            }
            catch (OperationCanceledException)
            {
                Assert.False(File.Exists(Path.Combine(world.At("again"), "model.safetensors")));
            }
        }

        Assert.Equal(Weights("whole"), Weights("again"));
    }

    [Fact]
    public void Without_early_stop_the_run_goes_to_its_end_and_rising_validation_is_remarked()
    {
        var record = Train("whole", Options with { Patience = 0 });
        Assert.Equal((6_400, (EarlyStop?)null, "on"), (record.Tokens, record.EarlyStop, record.Options["--no-early-stop"]));
        Assert.Contains(said, s => s.StartsWith("warning: validation rises, from ", StringComparison.Ordinal) && s.EndsWith("more text, fewer --tokens, or no --no-early-stop", StringComparison.Ordinal));
    }

    [Fact]
    public void Passes_over_the_text_are_said_and_many_are_warned_of()
    {
        var passes = new TextPasses([("law", 58_000), ("mail", 1_000)], null);
        Assert.Equal(472_000, TextPasses.Budget(600_000, passes.Tokens));
        Assert.Equal(600_000, TextPasses.Budget(600_000, 1_000_000));
        Assert.Equal(1, TextPasses.Budget(600_000, 0));
        var lines = passes.Lines(Options with { Tokens = 472_000 }, 128).ToArray();
        Assert.StartsWith("text: 59.0 k tokens; 472 k tokens to train on are 8.0 passes; windows of 16, context 128 tokens", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("warning: 236 passes over mail: ", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("warning: 86 passes over the text: ", new TextPasses([("law", 58_000)], null).Lines(Options with { Tokens = 5_000_000 }, 128).Last(), StringComparison.Ordinal);
        Assert.Single(new TextPasses([("law", 58_000)], null).Lines(Options with { Tokens = 500_000 }, 128));
    }

    [Fact]
    public async Task Without_tokens_a_run_gets_what_its_text_is_good_for()
    {
        string[] arguments = ["--domains", "bees", "--batch", "8"];
        var (code, output, errors) = await TinyWorld.RunAsync(world.SeedArguments("seed", arguments));
        Assert.Equal((0, ""), (code, errors));
        Assert.Contains(" are 8.0 passes; windows of 16, context 32 tokens", output, StringComparison.Ordinal);
        var record = RunRecord.Load(world.At("seed"))!;
        Assert.Equal((8 * record.TextTokens, 4), (record.Settings.Tokens, record.Settings.Patience));
        Assert.Contains("finished earlier, nothing to do", (await TinyWorld.RunAsync(world.SeedArguments("seed", arguments))).Output, StringComparison.Ordinal);
        Assert.Contains("--no-early-stop is on, but", (await TinyWorld.RunAsync(world.SeedArguments("seed", [.. arguments, "--no-early-stop"]))).Errors, StringComparison.Ordinal);
        Assert.Null(RunRecord.Load(await Seed("short", "--tokens", "640"))!.Settings.Patience);
    }

    [Fact]
    public async Task The_help_says_how_large_the_presets_are()
    {
        var help = (await TinyWorld.RunAsync("train", "seed", "--help")).Output.ReplaceLineEndings(" ");
        foreach (var size in (string[])["context 128", "context 1024", "Examples:", "--no-early-stop"]) Assert.Contains(size, help, StringComparison.Ordinal);
    }

    private TrainingJob Job(TrainingOptions options) => world.Job(options) with { Sources = [TextSource.Of("ants")] };

    private RunRecord Train(string name, TrainingOptions options) => new TrainingRun(Job(options), world.At(name), new RunSettings(), null, said.Add).Execute().Record;

    private async Task<string> Seed(string name, params string[] flags)
    {
        await TinyWorld.RunAsync(world.SeedArguments(name, flags));
        return world.At(name);
    }

    private byte[] Weights(string run) => File.ReadAllBytes(Path.Combine(world.At(run), "model.safetensors"));
}
