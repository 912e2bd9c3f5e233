using Btx.Model;
using Btx.Model.Configuration;
using Btx.Trainer.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Tests.Networks;

[Collection(NativeMemoryTests.Name)]
public sealed class LlamaCheckpointTests : IDisposable
{
    private static readonly LlamaConfig Config = new()
    {
        VocabSize = 40,
        HiddenSize = 16,
        IntermediateSize = 24,
        NumHiddenLayers = 2,
        NumAttentionHeads = 2,
        NumKeyValueHeads = 1,
        MaxPositionEmbeddings = 32,
    };

    private readonly string directory = Directory.CreateTempSubdirectory("btx-checkpoint-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Theory]
    [InlineData("float32", long.MaxValue, false)]
    [InlineData("float32", 4000L, true)]
    [InlineData("float16", long.MaxValue, true)]
    [InlineData("bfloat16", 2000L, false)]
    public void Weights_go_to_disk_and_back(string type, long shardBytes, bool tied)
    {
        var config = Config with { TorchDtype = type, TieWordEmbeddings = tied };
        using var model = new LlamaModel(config, CPU).Init(3);
        LlamaCheckpoint.Save(model, directory, shardBytes);
        Assert.Equal(shardBytes != long.MaxValue, File.Exists(Path.Combine(directory, "model.safetensors.index.json")));
        using var loaded = LlamaCheckpoint.Load(directory, CPU);
        Assert.Equal(config.Fingerprint(), loaded.Config.Fingerprint());
        var stored = type switch { "float16" => float16, "bfloat16" => bfloat16, _ => float32 };
        for (var i = 0; i < model.Parameters.Count; i++)
        {
            using var scope = NewDisposeScope();
            using var mode = no_grad();
            Assert.Equal(float32, loaded.Parameters[i].dtype);
            Assert.True(loaded.Parameters[i].requires_grad);
            Assert.Equal(model.Parameters[i].to(stored).to(float32).data<float>().ToArray(), loaded.Parameters[i].data<float>().ToArray());
        }
    }

    [Fact]
    public void A_checkpoint_with_a_missing_tensor_is_refused_and_leaves_nothing_behind()
    {
        using (var model = new LlamaModel(Config with { TieWordEmbeddings = true }, CPU).Init(3)) LlamaCheckpoint.Save(model, directory);
        (Config with { TieWordEmbeddings = false }).Save(directory);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = Tensor.TotalCount;
        Assert.Contains("lm_head.weight", Assert.Throws<BtxException>(() => LlamaCheckpoint.Load(directory, CPU)).Message,
            StringComparison.Ordinal);
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Presets_have_their_sizes()
    {
        Assert.InRange(Presets.Get("demo", 2048).ParameterCount, 250_000, 300_000);
        Assert.InRange(Presets.Get("tiny", 2048).ParameterCount, 800_000, 1_200_000);
        Assert.InRange(Presets.Get("small", 2048).ParameterCount, 9_000_000, 11_500_000);
        Assert.InRange(Presets.Get("base", 32000).ParameterCount, 115_000_000, 140_000_000);
        Assert.Equal(64, Presets.Get("tiny", 300, context: 64).MaxPositionEmbeddings);
        Assert.Contains("huge", Assert.Throws<BtxException>(() => Presets.Get("huge", 2048)).Message, StringComparison.Ordinal);
    }
}
