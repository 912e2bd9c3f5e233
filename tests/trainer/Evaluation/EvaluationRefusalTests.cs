using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Trainer.Evaluation;
using TorchSharp;

namespace Btx.Trainer.Tests.Evaluation;

public sealed class EvaluationRefusalTests
{
    private static EvaluationOptions Options(EvaluationWorld world) => new() { Forest = world.Forest, Corpus = world.Corpus, Parallel = 2 };

    private static string Problem(EvaluationOptions options)
    {
        var message = Assert.Throws<BtxException>(() => new ForestEvaluator(options)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    [Fact]
    public void Requests_that_cannot_be_answered_are_one_clear_line_before_any_model_is_loaded()
    {
        using var world = new EvaluationWorld();
        var options = Options(world);
        Assert.Contains("\"law\"", Problem(options with { Domains = ["law"] }), StringComparison.Ordinal);
        Assert.Contains("unknown mode", Problem(options with { Modes = ["best"] }), StringComparison.Ordinal);
        Assert.Contains("2..128", Problem(options with { Context = 129 }), StringComparison.Ordinal);
        Assert.Contains("2..128", Problem(options with { Context = 1 }), StringComparison.Ordinal);
        Assert.Contains("--max-tokens-per-domain", Problem(options with { MaxTokensPerDomain = -1 }), StringComparison.Ordinal);
        Assert.Contains("forest.json", Problem(options with { Forest = world.Corpus }), StringComparison.Ordinal);
        Assert.Contains("corpus.json", Problem(options with { Corpus = world.Forest }), StringComparison.Ordinal);
        Assert.Contains("config.json", Problem(options.With("seed", world.Corpus)), StringComparison.Ordinal);
        Assert.Contains("no such directory", Problem(options with { Models = [new("lost", Path.Combine(world.Root, "lost"))] }),
            StringComparison.Ordinal);
        Assert.Contains("expected mixtral", Problem(options.With("moe", world.Expert("alpha"))), StringComparison.Ordinal);
        Assert.Contains("--btx", Problem(options with { Modes = ["moe"] }), StringComparison.Ordinal);
        var moe = world.Upcycled("alpha", 2, 1);
        Assert.StartsWith($"--seed-model {moe}: model_type is mixtral", Problem(options.With("seed", moe)),
            StringComparison.Ordinal);
        Assert.StartsWith($"--dense {moe}: model_type is mixtral", Problem(options.With("dense", moe).With("moe", moe)),
            StringComparison.Ordinal);
        BtxManifest.Of(moe, LlamaConfig.Load(moe), Model.Tokens.TextTokenizer.Load(moe).Hash, CheckpointFiles.Hash(moe))
            .Save(moe);
        using (var file = File.OpenWrite(Path.Combine(moe, CheckpointFiles.SingleFile))) file.SetLength(file.Length - 4);
        Assert.Contains("the file is truncated", Problem(options.With("moe", moe)), StringComparison.Ordinal);
        Assert.Contains("the file is truncated", Problem(options with { Models = [new("mixtral", moe)] }), StringComparison.Ordinal);
        using var empty = new EvaluationWorld(experts: 1, emptyTest: true);
        Assert.Contains("no text in its test split", Problem(Options(empty)), StringComparison.Ordinal);
    }

    [Fact]
    public void Models_that_do_not_belong_together_are_named()
    {
        using var world = new EvaluationWorld();
        var options = Options(world);
        var other = Path.Combine(world.Root, "other");
        new TinyForest { Config = TinyForest.DefaultConfig with { NumHiddenLayers = 1 } }.WriteExpert(other, 1);
        // a baseline may have its own shape
        Assert.Equal(3, new ForestEvaluator(options.With("seed", other)).Run(torch.CPU, _ => { }).Domains.Count);

        var file = Path.Combine(other, "tokenizer.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"t h\"", "\"t i\"", StringComparison.Ordinal).Replace("\"th\"", "\"ti2\"",
            StringComparison.Ordinal).Replace("\"ti\"", "\"th\"", StringComparison.Ordinal).Replace("\"ti2\"", "\"ti\"",
            StringComparison.Ordinal));
        var message = Problem(options.With("seed", other));
        Assert.Contains(other, message, StringComparison.Ordinal);
        Assert.Contains("tokenizer", message, StringComparison.Ordinal);

        new TinyForest { Config = TinyForest.DefaultConfig with { NumHiddenLayers = 1 } }.WriteExpert(world.Expert("beta"), 1);
        Assert.Contains("architecture", Problem(options), StringComparison.Ordinal);
    }
}
