using Btx.Trainer.Networks;
using Btx.Model;
using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Evaluation;
using Btx.Trainer.Moe;
using Btx.Trainer.Phases;
using Btx.Trainer.Tests.Phases;
using TorchSharp;

namespace Btx.Trainer.Tests.Moe;

public sealed class MixRefusalTests : IDisposable
{
    private readonly MixWorld world = new();

    public void Dispose() => world.Dispose();

    [Fact]
    public void Names_that_do_not_fit()
    {
        Refused("--experts: no expert \"dogs\" in", world.Request with { Experts = ["dogs"] });
        Refused("it has ants, bees, cows", world.Request with { Without = ["dogs"] });
        Refused("--experts names \"ants\" twice", world.Request with { Experts = ["ants", "ants"] });
        Refused("--without ants,bees,cows leaves no expert", world.Request with { Without = ["ants", "bees", "cows"] });
        world.Forest("forest", ["ants", "bees", "cows"], e => e.Name == "bees" ? e with { Status = ExpertStatus.Quarantined } : e);
        Refused("expert \"bees\" of", world.Request with { Experts = ["bees", "ants"] });
        Directory.Move(world.At("forest/experts/cows"), world.At("forest/experts/seed"));
        world.Forest("forest", ["ants", "seed"]);
        Refused("has an expert named seed", world.Request with { Seed = world.At("seed") });
    }

    [Theory]
    [InlineData(4, "top2", "--k 4: the model has 3 experts; choose 1..3")]
    [InlineData(0, "top2", "--k 0: the model has 3 experts")]
    [InlineData(2, "switch", "--k 2: --router switch always runs 1 of 3 experts")]
    [InlineData(2, "soft", "--k 2: --router soft always runs 3 of 3 experts")]
    public void A_k_that_does_not_fit(int k, string router, string message) =>
    Refused(message, world.Request with { K = k, Router = router });

    [Fact]
    public void Models_that_do_not_belong_together()
    {
        world.Model("wide", 5, world.Config with { HiddenSize = 32 });
        Refused("its architecture (config.json) differs", world.Request with { Seed = world.At("wide") });
        world.Model("other", 5);
        BpeTrainer.Train(["abab abab"], 258, ["<|endoftext|>"]).Save(world.At("other"));
        Refused("its tokenizer differs", world.Request with { Seed = world.At("other") });
        world.Model("forest/experts/bees", 50);
        Refused("the weights of expert \"bees\" are not those", world.Request);
        world.Model("forest/experts/bees", 2, world.Config with { IntermediateSize = 32 });
        Refused("its architecture (config.json) differs", world.Request);
        world.Model("forest/experts/bees", 2);
        BpeTrainer.Train(["abab abab"], 258, ["<|endoftext|>"]).Save(world.At("forest/experts/bees"));
        Refused("its tokenizer differs", world.Request);
    }

    [Fact]
    public void A_mixture_is_no_expert_seed_or_parent()
    {
        MixWorld.Mix(world.Request);
        var mix = world.At("mix");
        const string line = "model_type is mixtral, a BTX model of 3 experts; only llama models can be experts";
        Refused(line, world.Request with { Seed = mix, Output = world.At("out") });
        Refused(line, new MixRequest { Upcycle = mix, Copies = 2, Output = world.At("out") });
        Assert.Contains(line, Assert.Throws<BtxException>(() => ModelAverage.Write([mix], [1], world.At("out"))).Message);
        Assert.Contains(line, Assert.Throws<BtxException>(() => ModelAverage.Load([mix], [1], torch.CPU)).Message);
        Assert.Contains(line, Assert.Throws<BtxException>(() => ForestMerge.Open(world.At("new"), mix)).Message);
        Directory.Move(world.At("mix"), world.At("forest/experts/mix"));
        world.Forest("forest", ["mix", "ants"]);
        Refused(line, world.Request);
    }

    [Fact]
    public async Task A_round_cannot_start_from_a_mixture()
    {
        MixWorld.Mix(world.Request);
        var (code, _, errors) = await TinyWorld.RunAsync("train", "round", "--forest", world.At("new"), "--seed", world.At("mix"),
            "--corpus", world.Corpus);
        Assert.Equal(1, code);
        Assert.Contains("model_type is mixtral", Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        (code, _, errors) = await TinyWorld.RunAsync("train", "mix", "--forest", world.At("mix"), "--out", world.At("out"));
        Assert.Equal(1, code);
        Assert.Contains("forest.json: not found", Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Fact]
    public void Weights_that_are_no_numbers()
    {
        Spoil("forest/experts/bees/model.safetensors", "model.layers.1.self_attn.k_proj.weight");
        world.Forest("forest", ["ants", "bees", "cows"]);
        Refused("tensor \"model.layers.1.self_attn.k_proj.weight\" holds NaN", world.Request);
    }

    [Fact]
    public void Router_files_that_do_not_fit()
    {
        MixWorld.Mix(world.Request with { Output = world.At("three") });
        MixWorld.Mix(world.Request with { Output = world.At("two"), Experts = ["ants", "bees"] });
        var three = world.At("three/model.safetensors");
        Refused("has shape [2, 16]; 3 experts of hidden size 16 need [3, 16]",
            world.Request with { RouterInit = world.At("two/model.safetensors") });
        Refused("has no tensor \"model.layers.0.block_sparse_moe.gate.weight\"; the BTX model has 2 layers",
            world.Request with { RouterInit = world.At("seed/model.safetensors") });
        Refused("cannot be read", world.Request with { RouterInit = world.At("no-such-file") });
        Refused("expected a safetensors", world.Request with { RouterInit = world.At("three/config.json") }, anyMessage: true);
        Gates("one-layer", 1);
        Refused("has no tensor \"model.layers.1.block_sparse_moe.gate.weight\"", world.Request with { RouterInit = world.At("one-layer") });
        Gates("three-layers", 3);
        Refused("has tensor \"model.layers.2.block_sparse_moe.gate.weight\", but the BTX model has only 2 layers",
            world.Request with { RouterInit = world.At("three-layers") });
        Spoil("three/model.safetensors", "model.layers.1.block_sparse_moe.gate.weight");
        Refused("tensor \"model.layers.1.block_sparse_moe.gate.weight\" holds NaN; router weights must be finite",
            world.Request with { RouterInit = three });
    }

    [Fact]
    public void Text_that_is_not_there()
    {
        Refused("needs text of the experts' domains: --corpus DIR", world.Fitted with { Corpus = null });
        world.Forest("forest", ["ants", "bees", "cows"], e => e.Name == "bees" ? e with { Domain = "dogs" } : e);
        Refused(
            $"--corpus {world.Corpus}: has no domain \"dogs\", the text of expert \"bees\"; it has ants, bees, cows: add it with `btx "
                + "corpus`, leave the expert out with --without bees, or take --router-init random",
            world.Fitted);
        MixWorld.Mix(world.Fitted with { Without = ["bees"] }); // the remedy holds
        Refused("--ridge-lambda is 0", world.Fitted with { RidgeLambda = 0 });
        Refused("--tokens-per-domain is 0", world.Fitted with { TokensPerDomain = 0 });
        Refused("copies of one model stand for no domains", new MixRequest
        {
            Upcycle = world.At("seed"),
            Copies = 2,
            RouterInit = RouterInit.Ridge,
            Corpus = world.Corpus,
            Output = world.At("out")
        });
        Refused("--copies is 0", new MixRequest { Upcycle = world.At("seed"), Copies = 0, Output = world.At("out") });
    }

    [Fact]
    public void A_domain_whose_split_is_empty()
    {
        var corpus = Path.Combine(world.Corpus, "corpus.json");
        File.WriteAllText(Path.Combine(world.Corpus, "bees/train.jsonl"), "");
        var manifest = Btx.Trainer.Corpora.CorpusManifest.Read(world.Corpus);
        (manifest with
        {
            Domains = [
            .. manifest.Domains.Select(d => d.Name == "bees" ? d with { Train = d.Train with { Documents = 0, Bytes = 0, FileBytes = 0,
            Sha256 = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData([])) } } : d)]
        }).Write(world.Corpus);
        Assert.True(File.Exists(corpus));
        Refused("has no train document for bees", world.Fitted);
    }

    [Fact]
    public void An_output_that_holds_something_else_is_never_replaced()
    {
        Refused("holds something else than a BTX model", world.Request with { Output = world.At("forest"), Fresh = true });
        Refused("holds something else than a BTX model", world.Request with { Output = world.At("seed"), Fresh = true });
        Refused("is a file", world.Request with { Output = world.At("forest/forest.json") });
        Assert.True(File.Exists(world.At("forest/forest.json")));
    }

    [Theory]
    [InlineData("--forest F --upcycle S --copies 2", "Name what to mix")]
    [InlineData("--upcycle S", "--upcycle DIR and --copies N belong together.")]
    [InlineData("--upcycle S --copies 2 --without a", "choose from a forest")]
    [InlineData("--forest F --corpus C --statistics M", "two sources of hidden states")]
    [InlineData("--forest F --router best", "--router \"best\": use top2, switch")]
    [InlineData("--forest F --k abc", "error: --k \"abc\": expected a whole number\n")]
    public async Task Wrong_usage(string arguments, string message)
    {
        var (code, _, errors) = await TinyWorld.RunAsync(["train", "mix", "--out", world.At("out"), .. arguments.Split(' ')]);
        Assert.Equal(2, code);
        Assert.Contains(message, errors);
        Assert.Contains("see: btx train mix --help", errors);
    }

    private void Refused(string message, MixRequest request, bool anyMessage = false)
    {
        var refusal = Assert.Throws<BtxException>(() => MixWorld.Mix(request));
        if (!anyMessage) Assert.Contains(message, refusal.Message);
        Assert.DoesNotContain('\n', refusal.Message);
        Assert.Empty(Directory.EnumerateDirectories(world.At(""), ".*.tmp"));
    }

    private void Gates(string path, int layers) =>
        SafetensorsWriter.Write(world.At(path), [.. Enumerable.Range(0, layers)
        .Select(l => (RouterFile.Tensor(l), TensorDtype.F32, new long[] { 3, 16 }))], (_, bytes) => bytes.Clear());

    private void Spoil(string path, string tensor)
    {
        long at;
        using (var file = SafetensorsFile.Open(world.At(path))) at = file[tensor].Offset;
        using var stream = File.OpenWrite(world.At(path));
        stream.Position = at + 8;
        stream.Write(BitConverter.GetBytes(float.NaN));
    }
}
