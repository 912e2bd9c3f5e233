using Btx.Engine.Tests.Fixtures;
using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Devices;
using Btx.Model.Serving;

namespace Btx.Engine.Tests.Forests;

/// <summary>A BTX model that is damaged, changed or does not fit the forest beside it does not start; the message says what and
/// where.</summary>
public sealed class MoeLoaderTests(ServedForest forest, ServedBtx btx)
{
    private static string Refusal(Action<TinyServedMoe> damage, Func<EngineOptions, EngineOptions>? change = null, TinyForest? tiny = null)
    {
        using var moe = new TinyServedMoe(tiny: tiny);
        damage(moe);
        var options = new EngineOptions { Moe = moe.Served, Threads = 1, Slots = 2 };
        var e = Assert.Throws<BtxException>(() => ForestEngine.Start(change?.Invoke(options) ?? options));
        Assert.DoesNotContain('\n', e.Message);
        return e.Message;
    }

    [Fact]
    public void Weights_that_are_not_the_exported_ones() => Assert.Contains(
        "model.safetensors: the weight file is not the one that was exported (SHA-256 differs)",
        Refusal(m =>
        {
            using var file = File.OpenWrite(Path.Combine(m.Model, "model.safetensors"));
            file.Seek(-3, SeekOrigin.End);
            file.WriteByte(1);
        }),
        StringComparison.Ordinal);

    [Fact]
    public void Weights_that_are_gone() =>
        Assert.Contains("model.safetensors: not found", Refusal(m => File.Delete(Path.Combine(m.Model, "model.safetensors"))),
        StringComparison.Ordinal);

    [Fact]
    public void Weights_cut_short() => Assert.Contains(
        "model.safetensors",
        Refusal(
            m =>
            {
                using var file = File.OpenWrite(Path.Combine(m.Model, "model.safetensors"));
                file.SetLength(file.Length - 100);
            },
            o => o with { VerifyHashes = false }),
        StringComparison.Ordinal);

    [Fact]
    public void A_graph_that_was_tampered_with() => Assert.Contains(
        "the graph is not the one that was exported",
        Refusal(m => File.AppendAllText(Path.Combine(m.Served, ServedMoeManifest.Load(m.Served).Graphs[0].File), "x")),
            StringComparison.Ordinal);

    [Fact]
    public void A_config_of_another_model() => Assert.Contains(
        "config.json: is not of the BTX model", Refusal(m => TinyForest.DefaultConfig.Save(m.Served)), StringComparison.Ordinal);

    [Fact]
    public void Another_tokenizer_than_at_export() =>
    Assert.Contains("its tokenizer is not the one", Refusal(m => SwapMerge(m.Served)), StringComparison.Ordinal);

    [Fact]
    public void Another_tokenizer_than_the_forests()
    {
        var (source, served) = forest.Copy();
        foreach (var directory in Directory.GetDirectories(Path.Combine(source, "experts"))) SwapMerge(directory);
        var manifest = ServedForestManifest.Load(served);
        (manifest with { Tokenizer = Btx.Model.Tokens.TextTokenizer.Load(Path.Combine(source, "experts/alpha")).Hash }).Save(served);
        var e = Assert.Throws<BtxException>(() => ForestEngine.Start(forest.Options with { Directory = served, Moe = btx.Served }));
        Assert.Contains("the BTX model has another tokenizer than the forest", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_vocabulary_than_the_forests()
    {
        var message = Refusal(_ => { }, o => o with { Directory = forest.Served },
            new TinyForest { Config = TinyForest.DefaultConfig with { VocabSize = 352 } });
        Assert.Contains("the BTX model has 352 logits, the forest", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_without_one() =>
        Assert.Contains("served-btx.json",
        Assert.Throws<BtxException>(() => ForestEngine.Start(new EngineOptions { Moe = btx.Model })).Message, StringComparison.Ordinal);

    [Fact]
    public async Task The_context_is_what_both_allow()
    {
        using var shorter =
            new TinyServedMoe(tiny: new TinyForest { Config = TinyForest.DefaultConfig with { MaxPositionEmbeddings = 48 } });
        await using var engine = ForestEngine.Start(forest.Options with { Moe = shorter.Served });
        Assert.Equal(48, engine.Describe().ContextLength);
        var e = Assert.Throws<BtxException>(() => ForestEngine.Start(forest.Options with { Moe = shorter.Served, ContextLength = 49 }));
        Assert.Contains("at most 48", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cuda_for_a_model_of_fp32() =>
        Assert.Contains("--device cuda", Assert.Throws<BtxException>(() => ForestEngine.Start(new EngineOptions
        { Moe = btx.Served, Device = DeviceSpec.Parse("cuda") })).Message, StringComparison.Ordinal);

    private static void SwapMerge(string directory)
    {
        var path = Path.Combine(directory, "tokenizer.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"h e\"", "\"e h\"", StringComparison.Ordinal).Replace("\"he\"", "\"eh\"",
            StringComparison.Ordinal));
    }
}
