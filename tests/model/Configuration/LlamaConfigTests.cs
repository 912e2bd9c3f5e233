using System.Globalization;
using System.Text;
using Btx.Model.Configuration;

namespace Btx.Model.Tests.Configuration;

public sealed class LlamaConfigTests
{
    private static readonly LlamaConfig Small = new()
    {
        VocabSize = 100,
        HiddenSize = 64,
        IntermediateSize = 96,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        MaxPositionEmbeddings = 128,
        BosTokenId = 3,
        EosTokenIds = [4, 7],
        TieWordEmbeddings = true,
        RmsNormEps = 1e-6,
        RopeTheta = 500000,
    };

    private const string Llama =
        "{\"model_type\":\"llama\",\"vocab_size\":100,\"hidden_size\":64,\"intermediate_size\":96,\"num_hidden_layers\":2,\"num_attention_heads\":4";

    private static LlamaConfig Parse(string json) => LlamaConfig.Parse(Encoding.UTF8.GetBytes(json), "config.json");

    private static string Problem(string fields) => Assert.Throws<BtxException>(() => Parse(Llama + "," + fields + "}")).Message;

    [Fact]
    public void What_is_saved_is_loaded()
    {
        using var directory = new TemporaryDirectory();
        foreach (var scaling in new RopeScaling?[] { null, new("linear", 2.5), new("llama3", 32, 1, 4, 8192) })
        {
            var config = Small with { RopeScaling = scaling, HeadDimOverride = 16 };
            config.Save(directory.Path);
            Assert.Equal(config, LlamaConfig.Load(directory.Path));
        }
    }

    [Fact]
    public void Defaults_are_those_of_Hugging_Face()
    {
        var c = Parse(Llama + "}");
        Assert.Equal((4, 2048, 1e-6, 10000.0, false, 16),
            (c.NumKeyValueHeads, c.MaxPositionEmbeddings, c.RmsNormEps, c.RopeTheta, c.TieWordEmbeddings, c.HeadDim));
        Assert.Null(c.BosTokenId);
        Assert.Null(c.RopeScaling);
    }

    [Fact]
    public void Both_spellings_of_the_rotary_settings_are_read()
    {
        var old = Parse(Llama + ",\"rope_theta\":7,\"rope_scaling\":{\"type\":\"linear\",\"factor\":3}}");
        var recent = Parse(Llama + ",\"rope_parameters\":{\"rope_theta\":7,\"rope_type\":\"linear\",\"factor\":3}}");
        Assert.Equal(old, recent);
        Assert.Equal(new RopeScaling("linear", 3), old.RopeScaling);
        Assert.Null(Parse(Llama + ",\"rope_parameters\":{\"rope_theta\":7,\"rope_type\":\"default\"}}").RopeScaling);
        Assert.Equal(7, Parse(Llama + ",\"rope_parameters\":{\"rope_theta\":7}}").RopeTheta);
        Assert.Equal(7, Parse(Llama + ",\"rope_theta\":9,\"rope_scaling\":{\"rope_theta\":7,\"rope_type\":\"default\"}}").RopeTheta);
        // What llama3 was trained on before stands beside it, inside it, or is the context.
        const string Llama3 = "{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4";
        Assert.Equal(64, Parse(Llama + ",\"rope_scaling\":" + Llama3
            + ",\"original_max_position_embeddings\":64}}").RopeScaling!.OriginalMaxPositionEmbeddings);
        Assert.Equal(64, Parse(Llama + ",\"original_max_position_embeddings\":64,\"rope_parameters\":" + Llama3
            + "}}").RopeScaling!.OriginalMaxPositionEmbeddings);
        Assert.Equal(512, Parse(Llama + ",\"max_position_embeddings\":512,\"rope_parameters\":" + Llama3
            + "}}").RopeScaling!.OriginalMaxPositionEmbeddings);
    }

    [Fact]
    public void All_of_several_end_tokens_count_and_the_first_of_several_that_begin()
    {
        foreach (var ids in new TokenIds[] { [], [9], [9, 8] })
            Assert.Equal(ids, System.Text.Json.JsonSerializer.Deserialize<TokenIds>(System.Text.Json.JsonSerializer.Serialize(ids)));
        Assert.Equal("[9,8]", System.Text.Json.JsonSerializer.Serialize<TokenIds>([9, 8]));
        Assert.Equal([9, 8], Parse(Llama + ",\"eos_token_id\":[9,8,9]}").EosTokenIds);
        Assert.Equal([9], Parse(Llama + ",\"eos_token_id\":9}").EosTokenIds);
        Assert.Empty(Parse(Llama + ",\"eos_token_id\":null}").EosTokenIds);
        Assert.Equal(7, Parse(Llama + ",\"bos_token_id\":[7,8]}").BosTokenId);
    }

    [Theory]
    [InlineData("{\"eos_token_id\":[5,0]}", new[] { 5, 0 })]
    [InlineData("{\"eos_token_id\":5}", new[] { 5 })]
    [InlineData("{\"eos_token_id\":null}", new[] { 4, 7 })]
    [InlineData("{\"temperature\":0.6}", new[] { 4, 7 })]
    public void End_tokens_of_the_generation_configuration_win(string json, int[] expected)
    {
        using var directory = new TemporaryDirectory();
        Small.Save(directory.Path);
        File.WriteAllText(directory[LlamaConfig.GenerationFileName], json);
        Assert.Equal(expected, LlamaConfig.Load(directory.Path).EosTokenIds);
    }

    [Theory]
    [InlineData("{\"eos_token_id\":[5,100]}", "eos_token_id is 100; expected 0..99")]
    [InlineData("{\"eos_token_id\":\"5\"}", "eos_token_id is \"5\"")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{", "not valid JSON")]
    public void A_generation_configuration_that_does_not_fit_is_named(string json, string complaint)
    {
        using var directory = new TemporaryDirectory();
        Small.Save(directory.Path);
        File.WriteAllText(directory[LlamaConfig.GenerationFileName], json);
        var message = Assert.Throws<BtxException>(() => LlamaConfig.Load(directory.Path)).Message;
        Assert.StartsWith(directory[LlamaConfig.GenerationFileName] + ": ", message, StringComparison.Ordinal);
        Assert.Contains(complaint, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Null_is_as_good_as_unwritten_and_names_of_other_versions_are_read()
    {
        var plain = Parse(Llama + "}");
        Assert.Equal(plain, Parse(Llama
            + ",\"head_dim\":null,\"num_key_value_heads\":null,\"rope_scaling\":null,\"rope_parameters\":null,\"torch_dtype\":null,\"bos_token_id\":null}"));
        Assert.Equal("bfloat16", Parse(Llama + ",\"dtype\":\"bfloat16\"}").TorchDtype);
        Assert.Equal("bfloat16", Parse(Llama + ",\"torch_dtype\":\"torch.bfloat16\"}").TorchDtype);
        Assert.Equal(plain, Parse(Llama + ",\"hidden_activation\":\"silu\",\"partial_rotary_factor\":1.0}"));
    }

    [Theory]
    [InlineData("\"vocab_size\":0", "vocab_size is 0")]
    [InlineData("\"vocab_size\":-5", "vocab_size is -5")]
    [InlineData("\"hidden_size\":66", "not a multiple")]
    [InlineData("\"num_key_value_heads\":3", "not a multiple")]
    [InlineData("\"head_dim\":7", "odd")]
    [InlineData("\"head_dim\":1e3", "head_dim")]
    [InlineData("\"hidden_size\":1e30", "hidden_size")]
    [InlineData("\"hidden_size\":\"64\"", "hidden_size")]
    [InlineData("\"rms_norm_eps\":0", "rms_norm_eps")]
    [InlineData("\"rope_theta\":-1", "rope_theta")]
    [InlineData("\"rope_theta\":1e999", "rope_theta")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":2}", "\"yarn\"")]
    [InlineData("\"rope_scaling\":{\"factor\":2}", "rope_scaling type")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":0}", "factor")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":1e999}", "factor")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":1}",
        "high_freq_factor")]
    [InlineData("\"torch_dtype\":\"float64\"", "float64")]
    [InlineData("\"model_type\":\"mamba\"", "mamba")]
    [InlineData("\"attention_bias\":true", "bias")]
    [InlineData("\"hidden_act\":\"gelu\"", "gelu")]
    [InlineData("\"bos_token_id\":100", "bos_token_id is 100")]
    [InlineData("\"eos_token_id\":-1", "eos_token_id is -1")]
    [InlineData("\"eos_token_id\":[]", "eos_token_id")]
    [InlineData("\"eos_token_id\":[5,-1]", "eos_token_id is -1")]
    [InlineData("\"eos_token_id\":[5,null]", "eos_token_id is [5,null]")]
    [InlineData("\"bos_token_id\":[[5]]", "bos_token_id is [[5]]")]
    [InlineData("\"tie_word_embeddings\":1", "tie_word_embeddings is 1; expected true or false")]
    [InlineData("\"attention_bias\":\"true\"", "attention_bias is \"true\"")]
    [InlineData("\"torch_dtype\":16", "torch_dtype is 16; expected a string")]
    [InlineData("\"rope_scaling\":[2]", "rope_scaling is [2]; expected an object")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"linear\"}", "has no factor")]
    [InlineData("\"partial_rotary_factor\":0.5", "partial_rotary_factor is 0.5")]
    [InlineData("\"hidden_activation\":\"gelu\"", "hidden_activation is \"gelu\"")]
    [InlineData("\"torch_dtype\":\"\\ud800\"", "not valid JSON")]
    public void A_field_out_of_range_is_named(string field, string named)
    {
        var message = Problem(field);
        Assert.StartsWith("config.json: ", message, StringComparison.Ordinal);
        Assert.Contains(named, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_and_a_missing_field_are_named()
    {
        using var directory = new TemporaryDirectory();
        Assert.Contains("not found", Assert.Throws<BtxException>(() => LlamaConfig.Load(directory.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("vocab_size is missing", Assert.Throws<BtxException>(() =>
            Parse("{\"model_type\":\"llama\",\"num_attention_heads\":1}")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_configs_give_one_clear_line()
    {
        using var directory = new TemporaryDirectory();
        (Small with { RopeScaling = new("llama3", 8) }).Save(directory.Path);
        Mutations.Fuzz(File.ReadAllBytes(directory[LlamaConfig.FileName]), 4000, bytes => LlamaConfig.Parse(bytes, "config.json"));
    }

    [Fact]
    public void The_fingerprint_covers_the_architecture_and_not_the_dtype()
    {
        var fingerprint = Small.Fingerprint();
        Assert.Matches("^[0-9a-f]{64}$", fingerprint);
        Assert.Equal(fingerprint, (Small with { TorchDtype = "bfloat16", BosTokenId = 9, HeadDimOverride = 16 }).Fingerprint());
        LlamaConfig[] others =
        [
            Small with { VocabSize = 101 }, Small with { HiddenSize = 128 }, Small with { IntermediateSize = 97 },
                Small with { NumHiddenLayers = 3 },
            Small with { NumKeyValueHeads = 4 }, Small with { RmsNormEps = 1e-5 }, Small with { RopeTheta = 10000 },
                Small with { TieWordEmbeddings = false },
            Small with { RopeScaling = new("linear", 2) }, Small with { RopeScaling = new("linear", 3) },
                Small with { RopeScaling = new("llama3", 2) }, Small with { MaxPositionEmbeddings = 64 },
        ];
        Assert.Equal(others.Length + 1, others.Select(o => o.Fingerprint()).Append(fingerprint).Distinct().Count());
    }

    [Fact]
    public void The_fingerprint_is_the_same_in_every_culture_and_after_a_round_trip()
    {
        var config = Small with { RopeScaling = new("linear", 2.5, 9, 10, 11) };
        var expected = config.Fingerprint();
        var culture = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
            Assert.Equal(expected, config.Fingerprint());
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }

        using var directory = new TemporaryDirectory();
        config.Save(directory.Path);
        Assert.Equal(expected, LlamaConfig.Load(directory.Path).Fingerprint());
    }

    [Fact]
    public void Parameters_are_counted_from_the_shapes()
    {
        foreach (var tied in new[] { true, false })
        {
            var config = Small with { TieWordEmbeddings = tied, HeadDimOverride = 32 };
            Assert.Equal(config.TensorShapes().Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)), config.ParameterCount);
        }
    }
}
