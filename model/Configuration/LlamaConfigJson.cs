using System.Text.Json;

namespace Btx.Model.Configuration;

/// <summary>Reads and writes <see cref="LlamaConfig"/> in Hugging Face's <c>config.json</c> form.</summary>
internal static class LlamaConfigJson
{
    private const int MostIds = 256;

    public static LlamaConfig Read(ReadOnlyMemory<byte> json, string source) => Parse(json, source, root => Read(root, source));

    /// <summary>The end tokens that a <c>generation_config.json</c> names; empty: none.</summary>
    public static TokenIds ReadEndTokens(ReadOnlyMemory<byte> json, string source) =>
        Parse(json, source, root => Ids(root, "eos_token_id", source));

    public static void Write(LlamaConfig c, Stream stream)
    {
        using var w = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        w.WriteStartObject();
        w.WriteStartArray("architectures");
        w.WriteStringValue(c.Moe is null ? "LlamaForCausalLM" : "MixtralForCausalLM");
        w.WriteEndArray();
        w.WriteString("model_type", c.Moe is null ? "llama" : "mixtral");
        if (c.Moe is null) w.WriteBoolean("attention_bias", false);
        w.WriteNumber("attention_dropout", 0.0);
        if (c.BosTokenId is { } bos) w.WriteNumber("bos_token_id", bos); else w.WriteNull("bos_token_id");
        w.WritePropertyName("eos_token_id");
        c.EosTokenIds.WriteTo(w);
        w.WriteNumber("head_dim", c.HeadDim);
        w.WriteString("hidden_act", "silu");
        w.WriteNumber("hidden_size", c.HiddenSize);
        w.WriteNumber("initializer_range", 0.02);
        w.WriteNumber("intermediate_size", c.IntermediateSize);
        w.WriteNumber("max_position_embeddings", c.MaxPositionEmbeddings);
        if (c.Moe is null) w.WriteBoolean("mlp_bias", false);
        w.WriteNumber("num_attention_heads", c.NumAttentionHeads);
        if (c.Moe is { } k) w.WriteNumber("num_experts_per_tok", k.ExpertsPerToken);
        w.WriteNumber("num_hidden_layers", c.NumHiddenLayers);
        w.WriteNumber("num_key_value_heads", c.NumKeyValueHeads);
        if (c.Moe is { } n) w.WriteNumber("num_local_experts", n.Experts);
        if (c.Moe is not null) w.WriteBoolean("output_router_logits", false);
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
        if (c.Moe is { } moe)
        {
            w.WriteNumber("router_aux_loss_coef", moe.AuxLossCoefficient);
            w.WriteNumber("router_jitter_noise", 0.0);
            w.WriteNull("sliding_window");
        }

        w.WriteBoolean("tie_word_embeddings", c.TieWordEmbeddings);
        w.WriteString("torch_dtype", c.TorchDtype);
        w.WriteBoolean("use_cache", true);
        w.WriteNumber("vocab_size", c.VocabSize);
        w.WriteEndObject();
    }

    private static T Parse<T>(ReadOnlyMemory<byte> json, string source, Func<JsonElement, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object ? read(document.RootElement)
                : throw new BtxException($"{source}: not a JSON object");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new BtxException($"{source}: not valid JSON ({BtxException.OneLine(e.Message)})", e);
        }
    }

    private static LlamaConfig Read(JsonElement root, string source)
    {
        var type = Text(root, "model_type", source) ?? "";
        if (type is not ("llama" or "mixtral"))
            throw new BtxException($"{source}: model_type is \"{BtxException.OneLine(type)}\"; only llama models "
                + "can be experts and mixtral models mixtures");
        var mixtral = type == "mixtral";
        var context = Int(root, "max_position_embeddings", source) ?? (mixtral ? 131072 : 2048);
        if (mixtral && Int(root, "sliding_window", source) is { } window && window < context)
            throw new BtxException($"{source}: sliding_window is {window}; attention over a window is not supported");
        if (Flag(root, "attention_bias", source) == true || Flag(root, "mlp_bias", source) == true)
            throw new BtxException($"{source}: attention_bias or mlp_bias is true; Llama models with biases are not supported");
        foreach (var name in new[] { "hidden_act", "hidden_activation" })
        {
            if (Text(root, name, source) is { } act && act is not ("silu" or "swish"))
                throw new BtxException($"{source}: {name} is \"{BtxException.OneLine(act)}\"; expected silu");
        }

        // transformers 5 writes rope_parameters {rope_theta, rope_type, …} where 4 wrote rope_theta and rope_scaling; it reads either.
        var rope = Object(root, "rope_scaling", source) ?? Object(root, "rope_parameters", source);
        if ((Of(Number, "partial_rotary_factor") ?? 1) is var part and not 1)
            throw new BtxException($"{source}: partial_rotary_factor is {part}; only whole heads are rotated");
        var heads = Required(root, "num_attention_heads", source);
        return new LlamaConfig
        {
            VocabSize = Required(root, "vocab_size", source),
            HiddenSize = Required(root, "hidden_size", source),
            IntermediateSize = Required(root, "intermediate_size", source),
            NumHiddenLayers = Required(root, "num_hidden_layers", source),
            NumAttentionHeads = heads,
            // Written as null it means as many as heads; unwritten, Mixtral has 8.
            NumKeyValueHeads = Int(root, "num_key_value_heads", source)
                ?? (mixtral && !root.TryGetProperty("num_key_value_heads", out _) ? 8 : heads),
            MaxPositionEmbeddings = context,
            HeadDimOverride = Int(root, "head_dim", source),
            RmsNormEps = Number(root, "rms_norm_eps", source) ?? (mixtral ? 1e-5 : 1e-6),
            RopeTheta = Of(Number, "rope_theta") ?? (mixtral ? 1e6 : 10000),
            RopeScaling = rope is { } r ? Scaling(r, Of(Int, "original_max_position_embeddings") ?? context, source) : null,
            TieWordEmbeddings = Flag(root, "tie_word_embeddings", source) ?? false,
            BosTokenId = Ids(root, "bos_token_id", source).First,
            EosTokenIds = Ids(root, "eos_token_id", source),
            Moe = mixtral
                ? new MoeConfig(
                    Int(root, "num_local_experts", source) ?? 8, Int(root, "num_experts_per_tok", source) ?? 2,
                        Number(root, "router_aux_loss_coef", source) ?? 0.001)
                : null,
            TorchDtype = (Text(root, "torch_dtype", source) ?? Text(root, "dtype", source) ?? "float32").Replace("torch.", "",
                StringComparison.Ordinal),
        };

        // A rotary setting stands among the others or beside them.
        T? Of<T>(Func<JsonElement, string, string, T?> read, string name) where T : struct =>
            (rope is { } r ? read(r, name, source) : null) ?? read(root, name, source);
    }

    private static RopeScaling? Scaling(JsonElement rope, int original, string source)
    {
        // Without a type only what no type needs may stand there.
        var type = Text(rope, "rope_type", source) ?? Text(rope, "type", source) ?? (rope.TryGetProperty("factor", out _) ? "" : "default");
        if (type is "default") return null;
        return new RopeScaling(
            type,
            Required("factor"),
            type == "llama3" ? Required("low_freq_factor") : 1,
            type == "llama3" ? Required("high_freq_factor") : 4,
            type == "llama3" ? original : 8192);

        double Required(string name) =>
            Number(rope, name, source)
            ?? throw new BtxException($"{source}: rope_scaling of type \"{BtxException.OneLine(type)}\" has no {name}");
    }

    private static int Required(JsonElement e, string name, string source) =>
        Int(e, name, source) ?? throw new BtxException($"{source}: {name} is missing");

    private static int? Int(JsonElement e, string name, string source)
    {
        if (Member(e, name) is not { } v) return null;
        return v.ValueKind == JsonValueKind.Number && v.TryGetInt32(out var i) ? i : throw Wrong(name, v, "a whole number", source);
    }

    // A number, or several: Llama 3 has three end tokens.
    private static TokenIds Ids(JsonElement e, string name, string source)
    {
        if (Member(e, name) is not { } v) return TokenIds.None;
        if (v.ValueKind != JsonValueKind.Array) return [Int(e, name, source)!.Value];
        if (v.GetArrayLength() is 0 or > MostIds) throw Wrong(name, v, $"a whole number, or 1 to {MostIds} of them", source);
        return [.. v.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var i) ? i
            : throw Wrong(name, v, "a whole number or a list of them", source))];
    }

    private static double? Number(JsonElement e, string name, string source)
    {
        if (Member(e, name) is not { } v) return null;
        return v.ValueKind == JsonValueKind.Number ? v.GetDouble() : throw Wrong(name, v, "a number", source);
    }

    private static bool? Flag(JsonElement e, string name, string source)
    {
        if (Member(e, name) is not { } v) return null;
        return v.ValueKind is JsonValueKind.True or JsonValueKind.False ? v.GetBoolean() : throw Wrong(name, v, "true or false", source);
    }

    private static string? Text(JsonElement e, string name, string source)
    {
        if (Member(e, name) is not { } v) return null;
        return v.ValueKind == JsonValueKind.String ? v.GetString() : throw Wrong(name, v, "a string", source);
    }

    private static JsonElement? Object(JsonElement e, string name, string source)
    {
        if (Member(e, name) is not { } v) return null;
        return v.ValueKind == JsonValueKind.Object ? v : throw Wrong(name, v, "an object", source);
    }

    // Null is as good as unwritten.
    private static JsonElement? Member(JsonElement e, string name) =>
        e.TryGetProperty(name, out var v) && v.ValueKind != JsonValueKind.Null ? v : null;

    private static BtxException Wrong(string name, JsonElement value, string expected, string source) =>
        new($"{source}: {name} is {BtxException.OneLine(value.GetRawText())}; expected {expected}");
}
