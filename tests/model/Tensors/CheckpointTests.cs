using System.Runtime.InteropServices;
using Btx.Model.Configuration;
using Btx.Model.Tensors;

namespace Btx.Model.Tests.Tensors;

public sealed class CheckpointTests
{
    private static readonly LlamaConfig Config = new()
    {
        VocabSize = 11,
        HiddenSize = 8,
        IntermediateSize = 12,
        NumHiddenLayers = 1,
        NumAttentionHeads = 2,
        NumKeyValueHeads = 1,
        MaxPositionEmbeddings = 16,
    };

    private static (string Name, TensorDtype Dtype, long[] Shape)[] Tensors(LlamaConfig config) =>
        [.. config.TensorShapes().Select(t => (t.Name, TensorDtype.F32, t.Shape))];

    private static void WriteShard(string path, IReadOnlyList<(string Name, TensorDtype Dtype, long[] Shape)> tensors,
        float value = 0.5f) =>
        SafetensorsWriter.Write(path, tensors, (_, d) => MemoryMarshal.Cast<byte, float>(d).Fill(value));

    private static string OpenProblem(string directory) => Assert.Throws<BtxException>(() => Checkpoint.Open(directory)).Message;

    [Fact]
    public void One_file_and_shards_hold_the_same()
    {
        using var directory = new TemporaryDirectory();
        Config.Save(directory.Path);
        var all = Tensors(Config);
        WriteShard(directory["model-00001-of-00002.safetensors"], all[..5]);
        WriteShard(directory["model-00002-of-00002.safetensors"], all[5..]);
        var map = string.Join(",", all.Select((t, i) => $"\"{t.Name}\":\"model-0000{(i < 5 ? 1 : 2)}-of-00002.safetensors\""));
        File.WriteAllText(directory[CheckpointFiles.IndexFile], $"{{\"metadata\":{{}},\"weight_map\":{{{map}}}}}");
        using (var sharded = Checkpoint.Open(directory.Path))
        {
            Assert.Equal(2, sharded.Files.Count);
            foreach (var t in all) Assert.Equal(t.Shape, sharded.Info(t.Name).Shape);
            sharded.CheckFinite();
        }

        WriteShard(directory[CheckpointFiles.SingleFile], all);
        using var single = Checkpoint.Open(directory.Path);
        Assert.Single(single.Files);
        Assert.Equal(Config.ParameterCount, all.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)));
    }

    [Fact]
    public void A_missing_surplus_or_misshapen_tensor_is_named()
    {
        using var directory = new TemporaryDirectory();
        Config.Save(directory.Path);
        var all = Tensors(Config);
        Assert.Contains("neither", OpenProblem(directory.Path), StringComparison.Ordinal);
        WriteShard(directory[CheckpointFiles.SingleFile], all[1..]);
        Assert.Contains("\"model.embed_tokens.weight\" is missing", OpenProblem(directory.Path), StringComparison.Ordinal);
        WriteShard(directory[CheckpointFiles.SingleFile], [.. all, ("extra", TensorDtype.F32, [1])]);
        Assert.Contains("\"extra\" is not part", OpenProblem(directory.Path), StringComparison.Ordinal);
        WriteShard(directory[CheckpointFiles.SingleFile], [(all[0].Name, TensorDtype.F32, [8, 11]), .. all[1..]]);
        Assert.Contains("has shape [8, 11]", OpenProblem(directory.Path), StringComparison.Ordinal);
        SafetensorsWriter.Write(directory[CheckpointFiles.SingleFile], [.. all.Select(t => (t.Name, TensorDtype.U8, t.Shape))],
            (_, d) => d.Clear());
        Assert.Contains("is U8", OpenProblem(directory.Path), StringComparison.Ordinal);
    }

    [Fact]
    public void A_redundant_output_layer_of_a_tied_model_is_allowed()
    {
        using var directory = new TemporaryDirectory();
        (Config with { TieWordEmbeddings = true }).Save(directory.Path);
        WriteShard(directory[CheckpointFiles.SingleFile], Tensors(Config));
        using var checkpoint = Checkpoint.Open(directory.Path);
        Assert.True(checkpoint.Config.TieWordEmbeddings);
    }

    [Fact]
    public void An_output_layer_of_its_own_in_a_tied_model_is_refused_by_name()
    {
        using var directory = new TemporaryDirectory();
        (Config with { TieWordEmbeddings = true }).Save(directory.Path);
        SafetensorsWriter.Write(directory[CheckpointFiles.SingleFile], Tensors(Config),
            (name, d) => MemoryMarshal.Cast<byte, float>(d).Fill(name == "lm_head.weight" ? 0.25f : 0.5f));
        Assert.Contains(
            "tensor \"lm_head.weight\" is not equal to \"model.embed_tokens.weight\", though config.json has tie_word_embeddings: true",
            OpenProblem(directory.Path), StringComparison.Ordinal);
        WriteShard(directory[CheckpointFiles.SingleFile],
            [.. Tensors(Config).Select(t => t.Name == "lm_head.weight" ? (t.Name, t.Dtype, new long[] { 1 }) : t)]);
        Assert.Contains("\"lm_head.weight\"", OpenProblem(directory.Path), StringComparison.Ordinal);
    }

    [Fact]
    public void A_weight_that_is_not_finite_is_found()
    {
        using var directory = new TemporaryDirectory();
        Config.Save(directory.Path);
        SafetensorsWriter.Write(directory[CheckpointFiles.SingleFile], Tensors(Config), (name, d) =>
        {
            d.Clear();
            if (name == "model.norm.weight") MemoryMarshal.Cast<byte, float>(d)[3] = float.NaN;
        });
        using var checkpoint = Checkpoint.Open(directory.Path);
        Assert.Contains("\"model.norm.weight\" holds NaN",
            Assert.Throws<BtxException>(() => checkpoint.CheckFinite(CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "weight_map")]
    [InlineData("{\"weight_map\":{}}", "empty")]
    [InlineData("{\"weight_map\":{\"a\":1}}", "\"a\"")]
    [InlineData("{\"weight_map\":{\"a\":\"../x.safetensors\"}}", "..")]
    [InlineData("{\"weight_map\":{\"a\":\"/x.safetensors\"}}", "absolute")]
    [InlineData("{\"weight_map\":{\"a\":\"\\ud800\"}}", "not valid JSON")]
    [InlineData("{", "not valid JSON")]
    [InlineData("{\"weight_map\":{\"a\":\"b\"}} x", "not valid JSON")]
    [InlineData("{\"weight_map\":[]}", "weight_map")]
    public void A_bad_index_is_refused(string json, string named)
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory[CheckpointFiles.IndexFile], json);
        Assert.Contains(named, Assert.Throws<BtxException>(() => CheckpointFiles.Weights(directory.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_indexes_give_one_clear_line()
    {
        using var directory = new TemporaryDirectory();
        var valid =
            "{\"metadata\":{\"total_size\":8},\"weight_map\":{\"x\":\"model-00001-of-00002.safetensors\",\"y\":\"model-00002-of-00002.safetensors\"}}"u8
            .ToArray();
        Mutations.Fuzz(valid, 2000, bytes =>
        {
            File.WriteAllBytes(directory[CheckpointFiles.IndexFile], bytes);
            Assert.All(CheckpointFiles.Weights(directory.Path), f => Assert.StartsWith(directory.Path + "/", f, StringComparison.Ordinal));
        });
    }

    [Fact]
    public void The_hash_covers_every_shard_in_order()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["b.safetensors"], "second");
        File.WriteAllText(directory["a.safetensors"], "first");
        File.WriteAllText(directory[CheckpointFiles.IndexFile],
            "{\"weight_map\":{\"y\":\"b.safetensors\",\"x\":\"a.safetensors\",\"z\":\"a.safetensors\"}}");
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("firstsecond"u8)),
            CheckpointFiles.Hash(directory.Path));
    }
}
