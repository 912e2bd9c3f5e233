using System.Security.Cryptography;
using Btx.Model.Configuration;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Tests.Phases;

/// <summary><c>btx train finetune</c> as a user runs it.</summary>
public sealed class FineTuneVerbTests : IDisposable
{
    private readonly TinyWorld world = new();

    public void Dispose() => world.Dispose();

    [Fact]
    public async Task Killed_at_any_step_a_sampled_run_ends_with_the_weights_of_an_uninterrupted_one()
    {
        var moe = world.Moe("mixture", layers: 1);
        string[] flags = ["--router", "sample_top1", "--tokens", "9600", "--accumulate", "2", "--checkpoint-steps", "3",
            "--statistics-every", "7", "--weights", "ants=2", "--freeze", "experts"];
        var whole = TinyWorld.RunAsync(Arguments(moe, "whole", flags));
        var random = new Random(Environment.ProcessId);
        foreach (var earliest in (int[])[random.Next(3, 60), random.Next(60, 120)])
        {
            using var process = TinyWorld.Start(Arguments(moe, "killed", flags));
            while (NewestPoint("killed") < earliest && !process.HasExited) await Task.Delay(1, TestContext.Current.CancellationToken);
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.False(
                File.Exists(world.At("killed/model.safetensors")), $"the run was over before it could be killed after step {earliest}");
        }

        var end = await TinyWorld.RunAsync(Arguments(moe, "killed", flags));
        Assert.Equal((0, ""), (end.Code, end.Errors));
        Assert.Equal((0, ""), ((await whole).Code, (await whole).Errors));
        foreach (var file in (string[])["model.safetensors", "routing.csv", "routing.json", "btx.json", "config.json"])
            Assert.Equal(File.ReadAllBytes(world.At($"whole/{file}")), File.ReadAllBytes(world.At($"killed/{file}")));
        Assert.Equal("experts", RunRecord.Load(world.At("killed"))!.Options["--freeze"]);
        var again = await TinyWorld.RunAsync(Arguments(moe, "killed", [.. flags, "--load-balancing", "0"]));
        Assert.StartsWith("error: --load-balancing is 0, but the run in", again.Errors);
    }

    [Fact]
    public async Task A_dense_model_is_trained_on_and_a_rate_can_be_swept_for()
    {
        var continued = TinyWorld.RunAsync(Arguments(world.Model("seed", 1), "continued", ["--tokens", "640"]));
        var swept = TinyWorld.RunAsync(Arguments(world.Moe("mixture", layers: 1), "swept",
            ["--tokens", "640", "--lr-sweep", "1e-4,1e-2", "--sweep-tokens", "1280"]));
        Assert.Equal((0, ""), ((await continued).Code, (await continued).Errors));
        Assert.False(BtxManifest.Exists(world.At("continued")));
        var record = RunRecord.Load(world.At("continued"))!;
        Assert.Equal(("finetune", 2e-3, "linear"), (record.Phase, record.Settings.LearningRate, record.Options["--schedule"]));
        Assert.Equal((0, ""), ((await swept).Code, (await swept).Errors));
        Assert.Equal(1e-2, RunRecord.Load(world.At("swept"))!.Settings.LearningRate);
    }

    [Fact]
    public async Task Bad_input_is_one_line_each()
    {
        string seed = world.Model("seed", 1), moe = world.Moe("mixture", layers: 1),
            truncated = world.Moe("truncated", layers: 1);
        BtxManifest.Of(truncated, LlamaConfig.Load(truncated), TextTokenizer.Load(truncated).Hash, CheckpointFiles.Hash(truncated))
            .Save(truncated);
        using (var file = File.OpenWrite(Path.Combine(truncated, "model.safetensors"))) file.SetLength(file.Length - 4);
        (string Model, string[] Flags, string Message)[] cases =
        [
            (seed, ["--router", "top2"], $"--router: {seed} is a dense model; leave the flag out"),
            (seed, ["--freeze", "experts"], $"--freeze: {seed} is a dense model"),
            (moe, ["--freeze", "attention"], "--freeze attention: unknown; only experts can be frozen"),
            (moe, ["--k", "9"], "--k 9: the model has 4 experts; choose 1..4"),
            (moe, ["--weights", "dogs=2"], "--weights: \"dogs\" is no domain of this run"),
            (moe, ["--domains", "dogs"],
                "has no domain \"dogs\"; it has ants, bees, cows: choose of these, or add it with `btx corpus --out "),
            (moe, ["--statistics-every", "0"], "--statistics-every is 0"),
            (world.At("nothing"), [], "not found"),
            (truncated, [], "the file is truncated"),
            (moe, ["--fresh", "--out", moe], "is the model that the run starts from"),
        ];
        var runs = await Task.WhenAll(cases.Select((c, i) => TinyWorld.RunAsync(Arguments(c.Model, $"out-{i}", c.Flags))));
        foreach (var ((_, _, message), (code, _, errors)) in cases.Zip(runs))
        {
            Assert.Equal(1, code);
            Assert.StartsWith("error: ", errors);
            Assert.Contains(message, errors);
            Assert.Single(errors.TrimEnd().Split('\n'));
        }

        Assert.Empty(Directory.GetDirectories(world.Root, "out-*"));
        Assert.True(File.Exists(Path.Combine(moe, "model.safetensors")));
    }

    [Fact]
    public async Task A_domain_without_text_and_a_vocabulary_too_small_for_the_tokenizer_are_one_line()
    {
        var moe = world.Moe("mixture", layers: 1);
        var small = world.Moe("small", layers: 1);
        BpeTrainer.Train(CorpusDirectory.Open(world.Corpus).Read("ants", CorpusSplit.Train).Select(d => d.Text), 320, ["<|endoftext|>"])
            .Save(small);
        File.WriteAllText(Path.Combine(world.Corpus, "bees/train.jsonl"), "");
        var manifest = CorpusManifest.Read(world.Corpus);
        var none = new CorpusShard("bees/train.jsonl", 0, 0, 0, Convert.ToHexStringLower(SHA256.HashData([])));
        (manifest with { Domains = [.. manifest.Domains.Select(d => d.Name == "bees" ? d with { Train = none } : d)] }).Write(world.Corpus);
        var (textless, wide) = (TinyWorld.RunAsync(Arguments(moe, "textless", [])), TinyWorld.RunAsync(Arguments(small, "wide", [])));
        Assert.Contains("has no train document for bees; add text to bees or choose another domain", (await textless).Errors);
        Assert.Contains("tokens, the model a vocabulary of", (await wide).Errors);
        Assert.All([await textless, await wide], run => Assert.Single(run.Errors.TrimEnd().Split('\n')));
    }

    private string[] Arguments(string model, string output, string[] more) =>
        ["train", "finetune", "--model", model, "--corpus", world.Corpus, .. more.Contains("--out") ? (string[])[]
        : ["--out", world.At(output)], "--batch", "2", "--sequence", "16", "--validation-windows", "4", .. more];

    private int NewestPoint(string run)
    {
        var resume = Path.Combine(world.At(run), "resume");
        return Directory.Exists(resume)
            ? Directory.GetDirectories(resume, "step-*").Select(p => int.Parse(Path.GetFileName(p)[5..])).DefaultIfEmpty(0).Max() : 0;
    }
}
