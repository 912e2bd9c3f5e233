using System.Text;
using System.Text.Json;
using Btx.Model.Configuration;

namespace Btx.Model.Tests.Configuration;

public sealed class MixtralConfigTests
{
    private const string Least =
        "{\"model_type\":\"mixtral\",\"vocab_size\":100,\"hidden_size\":64,\"intermediate_size\":96,\"num_hidden_layers\":2,\"num_attention_heads\":8";

    private static readonly LlamaConfig Small = new()
    {
        VocabSize = 100,
        HiddenSize = 64,
        IntermediateSize = 96,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        MaxPositionEmbeddings = 128,
        Moe = new(4, 2, 0.02),
    };

    private static LlamaConfig Parse(string json) => LlamaConfig.Parse(Encoding.UTF8.GetBytes(json), "config.json");

    private static string Problem(string fields) => Assert.Throws<BtxException>(() => Parse(Least + "," + fields + "}")).Message;

    [Fact]
    public void What_is_saved_is_loaded()
    {
        using var directory = new TemporaryDirectory();
        var config = Small with { HeadDimOverride = 16, TieWordEmbeddings = true, RopeTheta = 1e6, EosTokenIds = [3] };
        config.Save(directory.Path);
        Assert.Equal(config, LlamaConfig.Load(directory.Path));
    }

    [Fact]
    public void It_is_written_with_the_fields_of_MixtralForCausalLM()
    {
        using var directory = new TemporaryDirectory();
        Small.Save(directory.Path);
        using var document = JsonDocument.Parse(File.ReadAllBytes(directory[LlamaConfig.FileName]));
        var root = document.RootElement;
        Assert.Equal("MixtralForCausalLM", root.GetProperty("architectures")[0].GetString());
        Assert.Equal("mixtral", root.GetProperty("model_type").GetString());
        Assert.Equal(4, root.GetProperty("num_local_experts").GetInt32());
        Assert.Equal(2, root.GetProperty("num_experts_per_tok").GetInt32());
        Assert.Equal(0.02, root.GetProperty("router_aux_loss_coef").GetDouble());
        Assert.Equal(JsonValueKind.Null, root.GetProperty("sliding_window").ValueKind);
        Assert.False(root.TryGetProperty("mlp_bias", out _));
    }

    [Fact]
    public void Defaults_are_those_of_Hugging_Face()
    {
        var c = Parse(Least + "}");
        Assert.Equal((8, 2, 0.001), (c.Moe!.Experts, c.Moe.ExpertsPerToken, c.Moe.AuxLossCoefficient));
        Assert.Equal(8, Parse(Least + ",\"num_key_value_heads\":null,\"num_attention_heads\":8}").NumKeyValueHeads);
        Assert.Equal(16, Parse(Least + ",\"num_key_value_heads\":null,\"num_attention_heads\":16,\"head_dim\":4}").NumKeyValueHeads);
        Assert.Equal((8, 131072, 1e-5, 1e6, false),
            (c.NumKeyValueHeads, c.MaxPositionEmbeddings, c.RmsNormEps, c.RopeTheta, c.TieWordEmbeddings));
    }

    [Theory]
    [InlineData("\"num_local_experts\":0", "num_local_experts is 0")]
    [InlineData("\"num_local_experts\":4,\"num_experts_per_tok\":5", "num_experts_per_tok is 5; expected 1..4")]
    [InlineData("\"num_experts_per_tok\":0", "num_experts_per_tok is 0")]
    [InlineData("\"sliding_window\":4096", "sliding_window is 4096")]
    [InlineData("\"num_local_experts\":\"x\"", "num_local_experts")]
    public void Problems_name_the_field(string fields, string part) => Assert.Contains(part, Problem(fields), StringComparison.Ordinal);

    [Fact]
    public void A_window_as_long_as_the_context_is_none() =>
    Assert.Equal(64, Parse(Least + ",\"max_position_embeddings\":64,\"sliding_window\":64}").MaxPositionEmbeddings);

    [Fact]
    public void A_BTX_model_is_no_expert()
    {
        Assert.Contains("a BTX model of 4 experts", Assert.Throws<BtxException>(() => Small.RequireDense("m/config.json")).Message,
            StringComparison.Ordinal);
        var dense = Small with { Moe = null };
        Assert.Same(dense, dense.RequireDense("m/config.json"));
    }

    [Fact]
    public void Parameters_and_names_are_those_of_the_checkpoint()
    {
        Assert.Equal(Small.TensorShapes().Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)), Small.ParameterCount);
        var shapes = Small.TensorShapes().ToDictionary(t => t.Name, t => t.Shape);
        Assert.Equal([4, 64], shapes["model.layers.1.block_sparse_moe.gate.weight"]);
        Assert.Equal([96, 64], shapes["model.layers.0.block_sparse_moe.experts.3.w1.weight"]);
        Assert.Equal([64, 96], shapes["model.layers.0.block_sparse_moe.experts.3.w2.weight"]);
        Assert.Equal([96, 64], shapes["model.layers.1.block_sparse_moe.experts.0.w3.weight"]);
        Assert.DoesNotContain(shapes.Keys, n => n.Contains("mlp", StringComparison.Ordinal));
    }

    [Fact]
    public void The_fingerprint_tells_mixtures_apart_by_their_experts_and_not_by_k()
    {
        Assert.NotEqual(Small.Fingerprint(), (Small with { Moe = null }).Fingerprint());
        Assert.NotEqual(Small.Fingerprint(), (Small with { Moe = new(5, 2) }).Fingerprint());
        Assert.Equal(Small.Fingerprint(), (Small with { Moe = new(4, 1, 0) }).Fingerprint());
    }

    [Fact]
    public void Damaged_configs_give_one_clear_line()
    {
        using var directory = new TemporaryDirectory();
        Small.Save(directory.Path);
        Mutations.Fuzz(File.ReadAllBytes(directory[LlamaConfig.FileName]), 4000, bytes => LlamaConfig.Parse(bytes, "config.json"));
    }
}
