using System.Text.Json;

namespace Btx.Model.Configuration;

/// <summary>Reads and writes <see cref="LlamaConfig"/> in Hugging Face's <c>config.json</c> form.</summary>
internal static class LlamaConfigJson
{
    public static LlamaConfig Read(ReadOnlyMemory<byte> json, string source)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw new BtxException($"{source}: not a JSON object");
            var type = Text(root, "model_type") ?? "";
            if (type is not ("llama" or "mixtral")) throw new BtxException($"{source}: model_type is \"{BtxException.OneLine(type)}\"; only llama models can be experts and mixtral models mixtures");
            var mixtral = type == "mixtral";
            if (mixtral && Int(root, "sliding_window", source) is { } window && window < (Int(root, "max_position_embeddings", source) ?? 131072))
                throw new BtxException($"{source}: sliding_window is {window}; attention over a window is not supported");
            if (Flag(root, "attention_bias") == true || Flag(root, "mlp_bias") == true)
                throw new BtxException($"{source}: attention_bias or mlp_bias is true; Llama models with biases are not supported");
            if (Text(root, "hidden_act") is { } act && act is not ("silu" or "swish"))
                throw new BtxException($"{source}: hidden_act is \"{BtxException.OneLine(act)}\"; expected silu");
            // transformers 5 writes rope_parameters {rope_theta, rope_type, …} where 4 wrote rope_theta and rope_scaling.
            var rope = root.TryGetProperty("rope_parameters", out var parameters) && parameters.ValueKind == JsonValueKind.Object ? parameters : default;
            var heads = Required(root, "num_attention_heads", source);
            return new LlamaConfig
            {
                VocabSize = Required(root, "vocab_size", source),
                HiddenSize = Required(root, "hidden_size", source),
                IntermediateSize = Required(root, "intermediate_size", source),
                NumHiddenLayers = Required(root, "num_hidden_layers", source),
                NumAttentionHeads = heads,
                NumKeyValueHeads = Int(root, "num_key_value_heads", source) ?? (mixtral ? 8 : heads),
                MaxPositionEmbeddings = Int(root, "max_position_embeddings", source) ?? (mixtral ? 131072 : 2048),
                HeadDimOverride = Int(root, "head_dim", source),
                RmsNormEps = Number(root, "rms_norm_eps", source) ?? (mixtral ? 1e-5 : 1e-6),
                RopeTheta = (rope.ValueKind == JsonValueKind.Object ? Number(rope, "rope_theta", source) : null) ?? Number(root, "rope_theta", source) ?? (mixtral ? 1e6 : 10000),
                RopeScaling = Scaling(root, rope, source),
                TieWordEmbeddings = Flag(root, "tie_word_embeddings") ?? false,
                BosTokenId = Int(root, "bos_token_id", source),
                EosTokenId = FirstInt(root, "eos_token_id", source),
                Mixture = mixtral
                    ? new MixtureConfig(Int(root, "num_local_experts", source) ?? 8, Int(root, "num_experts_per_tok", source) ?? 2, Number(root, "router_aux_loss_coef", source) ?? 0.001)
                    : null,
                TorchDtype = Text(root, "torch_dtype") ?? Text(root, "dtype") ?? "float32",
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new BtxException($"{source}: not valid JSON ({BtxException.OneLine(e.Message)})", e);
        }
    }

    public static void Write(LlamaConfig c, Stream stream)
    {
        using var w = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        w.WriteStartObject();
        w.WriteStartArray("architectures");
        w.WriteStringValue(c.Mixture is null ? "LlamaForCausalLM" : "MixtralForCausalLM");
        w.WriteEndArray();
        w.WriteString("model_type", c.Mixture is null ? "llama" : "mixtral");
        if (c.Mixture is null) w.WriteBoolean("attention_bias", false);
        w.WriteNumber("attention_dropout", 0.0);
        if (c.BosTokenId is { } bos) w.WriteNumber("bos_token_id", bos); else w.WriteNull("bos_token_id");
        if (c.EosTokenId is { } eos) w.WriteNumber("eos_token_id", eos); else w.WriteNull("eos_token_id");
        w.WriteNumber("head_dim", c.HeadDim);
        w.WriteString("hidden_act", "silu");
        w.WriteNumber("hidden_size", c.HiddenSize);
        w.WriteNumber("initializer_range", 0.02);
        w.WriteNumber("intermediate_size", c.IntermediateSize);
        w.WriteNumber("max_position_embeddings", c.MaxPositionEmbeddings);
        if (c.Mixture is null) w.WriteBoolean("mlp_bias", false);
        w.WriteNumber("num_attention_heads", c.NumAttentionHeads);
        if (c.Mixture is { } k) w.WriteNumber("num_experts_per_tok", k.ExpertsPerToken);
        w.WriteNumber("num_hidden_layers", c.NumHiddenLayers);
        w.WriteNumber("num_key_value_heads", c.NumKeyValueHeads);
        if (c.Mixture is { } n) w.WriteNumber("num_local_experts", n.Experts);
        if (c.Mixture is not null) w.WriteBoolean("output_router_logits", false);
        w.WriteNumber("rms_norm_eps", c.RmsNormEps);
        w.WritePropertyName("rope_scaling");
        if (c.RopeScaling is { } s)
        {
            w.WriteStartObject();
            w.WriteString("rope_type", s.Type);
            w.WriteNumber("factor", s.Factor);
            if (s.Type == "llama3")
            {
                w.WriteNumber("low_freq_factor", s.LowFreqFactor);
                w.WriteNumber("high_freq_factor", s.HighFreqFactor);
                w.WriteNumber("original_max_position_embeddings", s.OriginalMaxPositionEmbeddings);
            }

            w.WriteEndObject();
        }
        else
        {
            w.WriteNullValue();
        }

        w.WriteNumber("rope_theta", c.RopeTheta);
        if (c.Mixture is { } mixture)
        {
            w.WriteNumber("router_aux_loss_coef", mixture.AuxLossCoefficient);
            w.WriteNumber("router_jitter_noise", 0.0);
            w.WriteNull("sliding_window");
        }

        w.WriteBoolean("tie_word_embeddings", c.TieWordEmbeddings);
        w.WriteString("torch_dtype", c.TorchDtype);
        w.WriteBoolean("use_cache", true);
        w.WriteNumber("vocab_size", c.VocabSize);
        w.WriteEndObject();
    }

    private static RopeScaling? Scaling(JsonElement root, JsonElement rope, string source)
    {
        if (!root.TryGetProperty("rope_scaling", out var s) || s.ValueKind != JsonValueKind.Object) s = rope;
        if (s.ValueKind != JsonValueKind.Object) return null;
        var type = Text(s, "rope_type") ?? Text(s, "type") ?? "";
        if (type is "default" || (type.Length == 0 && s.Equals(rope))) return null;
        return new RopeScaling(
            type,
            Number(s, "factor", source) ?? 1,
            Number(s, "low_freq_factor", source) ?? 1,
            Number(s, "high_freq_factor", source) ?? 4,
            Int(s, "original_max_position_embeddings", source) ?? 8192);
    }

    private static int Required(JsonElement e, string name, string source) =>
        Int(e, name, source) ?? throw new BtxException($"{source}: {name} is missing");

    private static int? Int(JsonElement e, string name, string source)
    {
        if (!e.TryGetProperty(name, out var v) || v.ValueKind == JsonValueKind.Null) return null;
        if (v.ValueKind == JsonValueKind.Number && v.TryGetInt32(out var i)) return i;
        throw new BtxException($"{source}: {name} is {BtxException.OneLine(v.GetRawText())}; expected a whole number");
    }

    // Llama 3 lists several end tokens; the first is the document's end.
    private static int? FirstInt(JsonElement e, string name, string source)
    {
        if (!e.TryGetProperty(name, out var v) || v.ValueKind != JsonValueKind.Array) return Int(e, name, source);
        foreach (var item in v.EnumerateArray())
        {
            if (item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var i)) return i;
        }

        throw new BtxException($"{source}: {name} is {BtxException.OneLine(v.GetRawText())}; expected a whole number or a list of them");
    }

    private static double? Number(JsonElement e, string name, string source)
    {
        if (!e.TryGetProperty(name, out var v) || v.ValueKind == JsonValueKind.Null) return null;
        if (v.ValueKind == JsonValueKind.Number) return v.GetDouble();
        throw new BtxException($"{source}: {name} is {BtxException.OneLine(v.GetRawText())}; expected a number");
    }

    private static bool? Flag(JsonElement e, string name) =>
        e.TryGetProperty(name, out var v) && (v.ValueKind is JsonValueKind.True or JsonValueKind.False) ? v.GetBoolean() : null;

    private static string? Text(JsonElement e, string name) =>
        e.TryGetProperty(name, out var v) && v.ValueKind == JsonValueKind.String ? v.GetString() : null;
}
