using System.Text.Json.Nodes;
using Btx.Model;
using Btx.Model.Moe;
using Btx.Trainer.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Tests.Networks;

public sealed class MixtralInteropTests : IDisposable
{
    private static readonly long[] Ids = [3, 36, 0, 7, 7, 21, 12, 9, 1, 2, 30];
    private readonly string directory = Directory.CreateTempSubdirectory("btx-mixtral-").FullName;
    private readonly string written = Directory.CreateTempSubdirectory("btx-mixtral-").FullName;

    public void Dispose()
    {
        Directory.Delete(directory, recursive: true);
        Directory.Delete(written, recursive: true);
    }

    [Theory]
    [InlineData("float32", false)]
    [InlineData("float16", true)]
    [InlineData("bfloat16", false)]
    public void A_directory_made_elsewhere_computes_as_its_definition(string dtype, bool tied)
    {
        using var scope = NewDisposeScope();
        var stored = MixtralDirectory.Write(directory, dtype, tied);
        foreach (var k in new[] { 1, 2, MixtralDirectory.Experts })
        {
            using var model = LlamaCheckpoint.Load(directory, CPU, k);
            var config = model.Config with { Moe = model.Config.Moe! with { ExpertsPerToken = k } };
            var expected = new LlamaReference(config, stored).Logits(Ids).SelectMany(r => r).ToArray();
            using var mode = no_grad();
            var got = model.Forward(tensor(Ids, [1, Ids.Length])).data<float>().ToArray();
            var scale = Math.Max(1, expected.Max(Math.Abs));
            for (var i = 0; i < got.Length; i++)
                Assert.True(Math.Abs(expected[i] - got[i]) <= 1e-5 * scale, $"k {k}, logit {i}: {got[i]}, expected {expected[i]}");
        }
    }

    [Theory]
    [InlineData("float32", long.MaxValue, false)]
    [InlineData("float32", 6000L, true)]
    [InlineData("bfloat16", 6000L, false)]
    public void What_is_written_has_the_names_shapes_values_and_fields_that_were_read(string dtype, long shardBytes, bool tied)
    {
        MixtralDirectory.Write(directory, dtype, tied);
        using (var model = LlamaCheckpoint.Load(directory, CPU)) LlamaCheckpoint.Save(model, written, shardBytes);
        var before = MixtralDirectory.Read(directory);
        var after = MixtralDirectory.Read(written);
        Assert.Equal(MixtralDirectory.Tensors(tied).Select(t => t.Name).Order(), after.Keys.Order());
        foreach (var (name, shape) in MixtralDirectory.Tensors(tied))
        {
            Assert.Equal(shape, after[name].Shape);
            Assert.Equal(before[name].Dtype, after[name].Dtype);
            Assert.Equal(before[name].Values, after[name].Values);
        }

        var index = Path.Combine(written, "model.safetensors.index.json");
        Assert.Equal(shardBytes != long.MaxValue, File.Exists(index));
        if (File.Exists(index))
            Assert.Equal(after.Keys.Order(), JsonNode.Parse(File.ReadAllText(index))!["weight_map"]!.AsObject().Select(e => e.Key).Order());

        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(written, "config.json")))!.AsObject();
        foreach (var (field, value) in MixtralDirectory.Config(dtype, tied))
        {
            if (field == "transformers_version") continue;
            Assert.True(config.ContainsKey(field), field);
            Assert.True(JsonNode.DeepEquals(Number(value), Number(config[field])), $"{field}: {config[field]?.ToJsonString()}");
        }
    }

    [Fact]
    public void Every_sequence_of_a_batch_computes_as_alone()
    {
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        MixtralDirectory.Write(directory);
        using var model = LlamaCheckpoint.Load(directory, CPU);
        var together = model.Forward(tensor(Ids.Concat(Ids.Reverse()).Concat(Enumerable.Repeat(5L, Ids.Length)).ToArray(),
            [3, Ids.Length]));
        Assert.All(model.Moe, m => Assert.Equal(3 * Ids.Length * 2, m.Routing!.TokensPerExpert().Sum()));
        var alone = model.Forward(tensor(Ids, [1, Ids.Length]));
        Assert.True(alone.select(0, 0).allclose(together.select(0, 0), 1e-5, 1e-5));
    }

    [Fact]
    public void A_network_of_mixtures_begins_and_has_the_parameters_of_its_configuration()
    {
        MixtralDirectory.Write(directory);
        var config = Btx.Model.Configuration.LlamaConfig.Load(directory);
        using var model = new LlamaModel(config, CPU).Init(3);
        Assert.Equal(config.TensorShapes().Select(t => $"{t.Name} {string.Join(',', t.Shape)}"),
            model.NamedParameters.Select(p => $"{p.Name} {string.Join(',', p.Parameter.shape)}"));
        Assert.Equal(config.ParameterCount, model.Parameters.Sum(p => p.numel()));
        foreach (var (name, p) in model.NamedParameters.Where(p => p.Parameter.ndim == 2))
        {
            var values = p.detach().data<float>().ToArray();
            var width = Math.Sqrt(2.0 / (5 * config.HiddenSize)) / (name.EndsWith("w2.weight", StringComparison.Ordinal)
                || name.EndsWith("o_proj.weight", StringComparison.Ordinal) ? 2 : 1);
            Assert.InRange(Math.Sqrt(values.Average(v => v * v)), 0.75 * width, 1.25 * width);
        }
    }

    [Fact]
    public void Soft_layers_are_those_of_the_manifest_beside_the_weights()
    {
        using var scope = NewDisposeScope();
        MixtralDirectory.Write(directory);
        var config = Btx.Model.Configuration.LlamaConfig.Load(directory);
        var hash = new string('a', 64);
        BtxManifest Manifest(int soft) => BtxManifest.Of(directory, config, hash,
            hash) with
        { Router = new() { Kind = RouterKind.SampleTop1, ExpertsPerToken = 1, SoftLayers = [soft] } };
        Manifest(0).Save(directory);
        using (var model = LlamaCheckpoint.Load(directory, CPU, expertsPerToken: 1))
        {
            model.Forward(tensor(Ids, [1, Ids.Length]));
            Assert.Equal([MixtralDirectory.Experts, 1], model.Moe.Select(m => m.Routing!.PerToken));
        }

        File.Delete(Path.Combine(directory, BtxManifest.FileName));
        Manifest(2).Save(directory);
        Refused("soft layer 2");
    }

    [Fact]
    public void A_faulty_directory_is_one_clear_line()
    {
        MixtralDirectory.Write(directory,
            change: (name, values) => values[5] = name == "model.layers.1.block_sparse_moe.gate.weight" ? float.NaN : values[5]);
        Refused("model.layers.1.block_sparse_moe.gate.weight", "finite");

        MixtralDirectory.Write(directory, leaveOut: "model.layers.1.block_sparse_moe.experts.4.w2.weight");
        Refused("model.layers.1.block_sparse_moe.experts.4.w2.weight", "missing");

        MixtralDirectory.Write(directory);
        foreach (var count in new[] { 4, 8 })
        {
            var config = MixtralDirectory.Config("float32", tied: false);
            config["num_local_experts"] = count;
            File.WriteAllText(Path.Combine(directory, "config.json"), config.ToJsonString());
            Refused("block_sparse_moe.gate.weight", $"[{count}, 16]");
        }

        MixtralDirectory.Write(directory);
        foreach (var k in new[] { 0, 7 })
            Assert.Contains("choose 1..6", Assert.Throws<BtxException>(() => LlamaCheckpoint.Load(directory, CPU, k)).Message,
                StringComparison.Ordinal);
    }

    private void Refused(params string[] words)
    {
        var message = Assert.Throws<BtxException>(() => LlamaCheckpoint.Load(directory, CPU)).Message;
        Assert.DoesNotContain('\n', message);
        Assert.Contains(directory, message, StringComparison.Ordinal);
        foreach (var word in words) Assert.Contains(word, message, StringComparison.Ordinal);
    }

    // 1e6, 1000000 and 1000000.0 are one number.
    private static JsonNode? Number(JsonNode? node) => node is JsonValue v && v.GetValueKind() == System.Text.Json.JsonValueKind.Number
        ? JsonValue.Create(double.Parse(v.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture)) : node;
}
