using Btx.Fixtures;
using Btx.Model.Tensors;

namespace Btx.Exporter.Tests.Checking;

public sealed class PlainLlamaTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_prefix_has_the_same_logits_alone_as_in_a_longer_text()
    {
        new TinyForest().WriteExpert(directory["model"], 1);
        using var checkpoint = Checkpoint.Open(directory["model"]);
        int[] tokens = [5, 9, 200, 9, 5];
        var whole = PlainLlama.Logits(checkpoint, tokens);
        for (var n = 1; n <= tokens.Length; n++) Assert.Equal(whole[n - 1], PlainLlama.Logits(checkpoint, tokens[..n])[^1]);
    }

    /// <summary>With attention and feed-forward silenced the network is the output layer on the normalised embedding: by hand.</summary>
    [Fact]
    public void Without_its_blocks_the_network_is_the_output_layer_on_the_normalised_embedding()
    {
        var config = TinyForest.DefaultConfig;
        Directory.CreateDirectory(directory["model"]);
        config.Save(directory["model"]);
        var tensors = config.TensorShapes().Select(t => (t.Name, TensorDtype.F32, t.Shape)).ToList();
        SafetensorsWriter.Write(Path.Combine(directory["model"], CheckpointFiles.SingleFile), tensors, (name, to) =>
        {
            var values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(to);
            values.Clear();
            if (name.EndsWith("norm.weight", StringComparison.Ordinal)) values.Fill(2);
            if (name is "model.embed_tokens.weight" or "lm_head.weight")
                for (var i = 0; i < values.Length; i++) values[i] = ((i % 17) - 8) / 8f;
        });
        using var checkpoint = Checkpoint.Open(directory["model"]);
        var logits = PlainLlama.Logits(checkpoint, [3])[0];
        double Weight(int row, int i) => (((((row * 64) + i) % 17) - 8) / 8f);
        var scale = 2 / Math.Sqrt((Enumerable.Range(0, 64).Sum(i => Weight(3, i) * Weight(3, i)) / 64) + config.RmsNormEps);
        for (var v = 0; v < config.VocabSize; v++)
            Assert.Equal(Enumerable.Range(0, 64).Sum(i => Weight(3, i) * scale * Weight(v, i)), logits[v], 1e-4);
    }
}
