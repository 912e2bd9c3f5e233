using System.Text.Json;

namespace Btx.Model.Configuration;

/// <summary>Reads and writes <see cref="LlamaConfig"/> in Hugging Face's <c>config.json</c> form.</summary>
internal sealed class LlamaConfigJson(string source) : JsonMembers(source)
{
    private const int MostIds = 256;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static LlamaConfig Read(ReadOnlyMemory<byte> json, string source) => Parse(json, source, new LlamaConfigJson(source).Config);

    /// <summary>The end tokens that a <c>generation_config.json</c> names; empty: none.</summary>
    public static TokenIds ReadEndTokens(ReadOnlyMemory<byte> json, string source) =>
        Parse(json, source, root => new LlamaConfigJson(source).Ids(root, "eos_token_id"));

    public static void Write(LlamaConfig c, Stream stream)
    {
        var json = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["architectures"] = new[] { c.Moe is null ? "LlamaForCausalLM" : "MixtralForCausalLM" },
            ["model_type"] = c.Moe is null ? "llama" : "mixtral",
            ["attention_dropout"] = 0.0,
            ["bos_token_id"] = c.BosTokenId,
            ["eos_token_id"] = c.EosTokenIds,
            ["head_dim"] = c.HeadDim,
            ["hidden_act"] = "silu",
            ["hidden_size"] = c.HiddenSize,
            ["initializer_range"] = 0.02,
            ["intermediate_size"] = c.IntermediateSize,
            ["max_position_embeddings"] = c.MaxPositionEmbeddings,
            ["num_attention_heads"] = c.NumAttentionHeads,
            ["num_hidden_layers"] = c.NumHiddenLayers,
            ["num_key_value_heads"] = c.NumKeyValueHeads,
            ["rms_norm_eps"] = c.RmsNormEps,
            ["rope_scaling"] = c.RopeScaling switch
            {
                null => null,
                { Type: "llama3" } s => new
                {
                    rope_type = s.Type,
                    factor = s.Factor,
                    low_freq_factor = s.LowFreqFactor,
                    high_freq_factor = s.HighFreqFactor,
                    original_max_position_embeddings = s.OriginalMaxPositionEmbeddings,
                },
                var s => new { rope_type = s.Type, factor = s.Factor },
            },
            ["rope_theta"] = c.RopeTheta,
            ["tie_word_embeddings"] = c.TieWordEmbeddings,
            ["torch_dtype"] = c.TorchDtype,
            ["use_cache"] = true,
            ["vocab_size"] = c.VocabSize,
        };
        if (c.Moe is { } moe)
        {
            json["num_experts_per_tok"] = moe.ExpertsPerToken;
            json["num_local_experts"] = moe.Experts;
            json["output_router_logits"] = false;
            json["router_aux_loss_coef"] = moe.AuxLossCoefficient;
            json["router_jitter_noise"] = 0.0;
            json["sliding_window"] = null;
        }
        else
        {
            json["attention_bias"] = false;
            json["mlp_bias"] = false;
        }

        JsonSerializer.Serialize(stream, json, Indented);
    }

    private LlamaConfig Config(JsonElement root)
    {
        var type = Text(root, "model_type") ?? "";
        if (type is not ("llama" or "mixtral"))
            throw Problem($"model_type is {Quote(type)}; only llama models can be experts, and only mixtral models BTX models");
        var mixtral = type == "mixtral";
        var context = Int(root, "max_position_embeddings") ?? (mixtral ? 131072 : 2048);
        if (mixtral && Int(root, "sliding_window") is { } window && window < context)
            throw Problem($"sliding_window is {window}; attention over a window is not supported");
        if (Flag(root, "attention_bias") || Flag(root, "mlp_bias"))
            throw Problem("attention_bias or mlp_bias is true; Llama models with biases are not supported");
        foreach (var name in new[] { "hidden_act", "hidden_activation" })
            if (Text(root, name) is { } act && act is not ("silu" or "swish")) throw Problem($"{name} is {Quote(act)}; expected silu");

        // transformers 5 writes rope_parameters {rope_theta, rope_type, …} where 4 wrote rope_theta and rope_scaling; it reads either.
        var rope = Object(root, "rope_scaling") ?? Object(root, "rope_parameters");
        if ((Of(Number, "partial_rotary_factor") ?? 1) is var part and not 1)
            throw Problem($"partial_rotary_factor is {part}; only whole heads are rotated");
        var heads = Required("num_attention_heads");
        return new LlamaConfig
        {
            VocabSize = Required("vocab_size"),
            HiddenSize = Required("hidden_size"),
            IntermediateSize = Required("intermediate_size"),
            NumHiddenLayers = Required("num_hidden_layers"),
            NumAttentionHeads = heads,
            // Written as null it means as many as heads; unwritten, Mixtral has 8.
            NumKeyValueHeads = Int(root, "num_key_value_heads")
                ?? (mixtral && !root.TryGetProperty("num_key_value_heads", out _) ? 8 : heads),
            MaxPositionEmbeddings = context,
            HeadDimOverride = Int(root, "head_dim"),
            RmsNormEps = Number(root, "rms_norm_eps") ?? (mixtral ? 1e-5 : 1e-6),
            RopeTheta = Of(Number, "rope_theta") ?? (mixtral ? 1e6 : 10000),
            RopeScaling = rope is { } r ? Scaling(r, Of(Int, "original_max_position_embeddings") ?? context) : null,
            TieWordEmbeddings = Flag(root, "tie_word_embeddings"),
            BosTokenId = Ids(root, "bos_token_id").First,
            EosTokenIds = Ids(root, "eos_token_id"),
            Moe = mixtral ? new MoeConfig(Int(root, "num_local_experts") ?? 8, Int(root, "num_experts_per_tok") ?? 2,
                Number(root, "router_aux_loss_coef") ?? 0.001) : null,
            TorchDtype = (Text(root, "torch_dtype") ?? Text(root, "dtype") ?? "float32").Replace("torch.", "", StringComparison.Ordinal),
        };

        int Required(string name) => Int(root, name) ?? throw Problem($"{name} is missing");

        // A rotary setting stands among the others or beside them.
        T? Of<T>(Func<JsonElement, string, T?> read, string name) where T : struct =>
            (rope is { } r ? read(r, name) : null) ?? read(root, name);
    }

    private RopeScaling? Scaling(JsonElement rope, int original)
    {
        // Without a type only what no type needs may stand there.
        var type = Text(rope, "rope_type") ?? Text(rope, "type") ?? (rope.TryGetProperty("factor", out _) ? "" : "default");
        if (type is "default") return null;
        var factor = Required("factor");
        return type != "llama3" ? new RopeScaling(type, factor)
            : new RopeScaling(type, factor, Required("low_freq_factor"), Required("high_freq_factor"), original);

        double Required(string name) => Number(rope, name) ?? throw Problem($"rope_scaling of type {Quote(type)} has no {name}");
    }

    // A number, or several: Llama 3 has three end tokens.
    private TokenIds Ids(JsonElement root, string name)
    {
        if (Member(root, name) is not { } v) return TokenIds.None;
        if (v.ValueKind != JsonValueKind.Array) return [Int(root, name)!.Value];
        if (v.GetArrayLength() is 0 or > MostIds) throw Wrong(name, v, $"a whole number, or 1 to {MostIds} of them");
        return [.. v.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var i) ? i
            : throw Wrong(name, v, "a whole number or a list of them"))];
    }
}
