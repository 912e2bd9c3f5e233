using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Btx.Model.Configuration;

/// <summary>The architecture of an expert: the fields of a Hugging Face <c>config.json</c> of model type <c>llama</c>, or of model type
/// <c>mixtral</c> (arXiv 2401.04088), which is the same network with a <see cref="Moe"/> for its feed-forward. Immutable;
/// <see cref="Validate"/> is called by every reader.</summary>
public sealed record LlamaConfig
{
    public const string FileName = "config.json";
    public const string GenerationFileName = "generation_config.json";
    private const long MaxFileBytes = 1 << 20;

    public required int VocabSize { get; init; }
    public required int HiddenSize { get; init; }
    public required int IntermediateSize { get; init; }
    public required int NumHiddenLayers { get; init; }
    public required int NumAttentionHeads { get; init; }
    public required int NumKeyValueHeads { get; init; }
    public required int MaxPositionEmbeddings { get; init; }
    public int? HeadDimOverride { get; init; }
    public double RmsNormEps { get; init; } = 1e-5;
    public double RopeTheta { get; init; } = 10000;
    public RopeScaling? RopeScaling { get; init; }
    public bool TieWordEmbeddings { get; init; }
    public int? BosTokenId { get; init; }

    /// <summary>Every token that ends a text, the document's end first; empty: none is named.</summary>
    [JsonPropertyName("eos_token_id")]
    public TokenIds EosTokenIds { get; init; } = TokenIds.None;

    /// <summary><c>float32</c>, <c>float16</c> or <c>bfloat16</c>: the dtype of the stored weights.</summary>
    public string TorchDtype { get; init; } = "float32";

    /// <summary>The feed-forward experts of every layer; null for a dense model.</summary>
    public MoeConfig? Moe { get; init; }

    public int HeadDim => HeadDimOverride ?? HiddenSize / NumAttentionHeads;

    /// <summary>Number of parameters; a tied output layer is not counted twice.</summary>
    public long ParameterCount => TensorShapes().Sum(t => t.Shape.Aggregate(1L, (n, dimension) => n * dimension));

    /// <summary>SHA-256 (hex) over what must agree for two models to be averaged or mixed: shapes and position encoding, not
    /// dtype.</summary>
    public string Fingerprint()
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"llama;V={VocabSize};d={HiddenSize};f={IntermediateSize};"
            + $"L={NumHiddenLayers};h={NumAttentionHeads};kv={NumKeyValueHeads};hd={HeadDim};eps={RmsNormEps:R};theta={RopeTheta:R};"
            + $"scaling={ScalingText()};tie={TieWordEmbeddings};ctx={MaxPositionEmbeddings}"
            + $"{(Moe is { } m ? $";experts={m.Experts}" : "")}");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    /// <param name="tokens">Of the tokenizer that the model is used with.</param>
    /// <exception cref="BtxException">Some have no row in the embedding.</exception>
    public void RequireTokens(int tokens, string directory)
    {
        if (tokens > VocabSize)
            throw new BtxException($"{directory}: the tokenizer has {tokens} tokens, the model a vocab_size of {VocabSize}; "
                + "they do not belong together, use the tokenizer that the model was trained with");
    }

    // Only the fields that the type reads, written the same in every culture.
    private string ScalingText() => RopeScaling switch
    {
        null => "none",
        { Type: "llama3" } s => FormattableString.Invariant(
            $"llama3,{s.Factor:R},{s.LowFreqFactor:R},{s.HighFreqFactor:R},{s.OriginalMaxPositionEmbeddings}"),
        var s => FormattableString.Invariant($"{s.Type},{s.Factor:R}"),
    };

    /// <exception cref="BtxException">A field is out of range; names the file, the field and the value.</exception>
    public LlamaConfig Validate(string source)
    {
        void Require(bool holds, string otherwise)
        {
            if (!holds) throw new BtxException($"{source}: {otherwise}");
        }

        void Positive(string name, long value, long max) => Require(value >= 1 && value <= max, $"{name} is {value}; expected 1..{max}");

        Positive("vocab_size", VocabSize, 1 << 24);
        Positive("hidden_size", HiddenSize, 1 << 20);
        Positive("intermediate_size", IntermediateSize, 1 << 22);
        Positive("num_hidden_layers", NumHiddenLayers, 4096);
        Positive("num_attention_heads", NumAttentionHeads, 4096);
        Positive("num_key_value_heads", NumKeyValueHeads, 4096);
        Positive("max_position_embeddings", MaxPositionEmbeddings, 1 << 26);
        Require(BosTokenId is null || (BosTokenId >= 0 && BosTokenId < VocabSize),
            $"bos_token_id is {BosTokenId}; expected 0..{VocabSize - 1}");
        RequireEndTokens(EosTokenIds, source);
        Require(NumAttentionHeads % NumKeyValueHeads == 0,
            $"num_attention_heads {NumAttentionHeads} is not a multiple of num_key_value_heads {NumKeyValueHeads}");
        Require(HeadDimOverride is not null || HiddenSize % NumAttentionHeads == 0,
            $"hidden_size {HiddenSize} is not a multiple of num_attention_heads {NumAttentionHeads}");
        if (Moe is { } m)
        {
            Positive("num_local_experts", m.Experts, MoeConfig.MaxExperts);
            Positive("num_experts_per_tok", m.ExpertsPerToken, m.Experts);
        }

        Positive("head_dim", HeadDim, 4096);
        Require(HeadDim % 2 == 0, $"head_dim {HeadDim} is odd; rotary embedding needs an even one");
        Require(RmsNormEps > 0 && RmsNormEps < 1, $"rms_norm_eps is {RmsNormEps}; expected a number in (0, 1)");
        Require(RopeTheta > 0 && !double.IsInfinity(RopeTheta), $"rope_theta is {RopeTheta}; expected a positive number");
        if (RopeScaling is { } s)
        {
            Require(s.Type is "linear" or "llama3",
                $"rope_scaling type \"{BtxException.OneLine(s.Type)}\" is not supported; use linear or llama3");
            Require(s.Factor > 0 && double.IsFinite(s.Factor), $"rope_scaling factor is {s.Factor}; expected a positive number");
            Require(s.Type != "llama3" || (s.LowFreqFactor > 0 && s.HighFreqFactor > s.LowFreqFactor && double.IsFinite(s.HighFreqFactor)
                && s.OriginalMaxPositionEmbeddings > 0),
                "rope_scaling of type llama3 needs high_freq_factor > low_freq_factor > 0 and original_max_position_embeddings > 0");
        }

        Require(TorchDtype is "float32" or "float16" or "bfloat16",
            $"torch_dtype \"{BtxException.OneLine(TorchDtype)}\" is not supported; use float32, float16 or bfloat16");
        return this;
    }

    /// <summary>Reads <c>config.json</c> in a Hugging Face model directory. Where <c>generation_config.json</c> names end tokens, they are
    /// the model's, as in transformers.</summary>
    /// <exception cref="BtxException">Missing, not JSON, not a Llama config, or out of range.</exception>
    public static LlamaConfig Load(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
            throw new BtxException($"{path}: not found; a model directory holds config.json, model.safetensors and tokenizer.json");
        var config = Parse(BoundedFile.Read(path, MaxFileBytes), path);
        var generation = Path.Combine(directory, GenerationFileName);
        if (!File.Exists(generation)
            || LlamaConfigJson.ReadEndTokens(BoundedFile.Read(generation, MaxFileBytes), generation) is not { Count: > 0 } ends)
            return config;
        config.RequireEndTokens(ends, generation);
        return config with { EosTokenIds = ends };
    }

    /// <summary>This configuration, if it is of a dense model.</summary>
    /// <exception cref="BtxException">It is of a BTX model, which is no expert and cannot be averaged or branched.</exception>
    public LlamaConfig RequireDense(string source) =>
        Moe is null ? this
        : throw new BtxException($"{source}: model_type is mixtral, a BTX model of {Moe.Experts} "
        + "experts; only llama models can be experts");

    /// <param name="json">UTF-8 JSON.</param>
    public static LlamaConfig Parse(ReadOnlyMemory<byte> json, string source) => LlamaConfigJson.Read(json, source).Validate(source);

    /// <summary>Writes <c>config.json</c> into a directory, whole or not at all.</summary>
    public void Save(string directory) =>
        AtomicFile.Write(Path.Combine(directory, FileName), stream => LlamaConfigJson.Write(this, stream));

    /// <summary>The inverse frequencies of the rotary embedding, length head_dim / 2, scaling applied (Hugging Face
    /// <c>modeling_rope_utils</c>).</summary>
    public double[] RotaryInverseFrequencies()
    {
        var half = HeadDim / 2;
        var frequencies = new double[half];
        for (var i = 0; i < half; i++)
        {
            var f = Math.Pow(RopeTheta, -2.0 * i / HeadDim);
            frequencies[i] = RopeScaling switch
            {
                null => f,
                { Type: "linear" } s => f / s.Factor,
                var s => Llama3(f, s),
            };
        }

        return frequencies;
    }

    private void RequireEndTokens(TokenIds ids, string source)
    {
        foreach (var id in ids)
            if (id < 0 || id >= VocabSize) throw new BtxException($"{source}: eos_token_id is {id}; expected 0..{VocabSize - 1}");
    }

    private static double Llama3(double frequency, RopeScaling s)
    {
        var wavelength = 2 * Math.PI / frequency;
        double low = s.OriginalMaxPositionEmbeddings / s.LowFreqFactor, high = s.OriginalMaxPositionEmbeddings / s.HighFreqFactor;
        if (wavelength > low) return frequency / s.Factor;
        if (wavelength < high) return frequency;
        var smooth = ((s.OriginalMaxPositionEmbeddings / wavelength) - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor);
        return ((1 - smooth) * frequency / s.Factor) + (smooth * frequency);
    }

    /// <summary>The checkpoint's tensor names and shapes, in Hugging Face's order. A tied model has no <c>lm_head.weight</c>.</summary>
    public IEnumerable<(string Name, long[] Shape)> TensorShapes()
    {
        long d = HiddenSize, q = (long)NumAttentionHeads * HeadDim, kv = (long)NumKeyValueHeads * HeadDim, f = IntermediateSize;
        yield return ("model.embed_tokens.weight", [VocabSize, d]);
        for (var l = 0; l < NumHiddenLayers; l++)
        {
            var p = $"model.layers.{l}.";
            yield return (p + "self_attn.q_proj.weight", [q, d]);
            yield return (p + "self_attn.k_proj.weight", [kv, d]);
            yield return (p + "self_attn.v_proj.weight", [kv, d]);
            yield return (p + "self_attn.o_proj.weight", [d, q]);
            if (Moe is { } m)
            {
                yield return (p + MoeConfig.RouterTensor, [m.Experts, d]);
                for (var e = 0; e < m.Experts; e++)
                {
                    yield return (p + MoeConfig.GateTensor(e), [f, d]);
                    yield return (p + MoeConfig.DownTensor(e), [d, f]);
                    yield return (p + MoeConfig.UpTensor(e), [f, d]);
                }
            }
            else
            {
                yield return (p + "mlp.gate_proj.weight", [f, d]);
                yield return (p + "mlp.up_proj.weight", [f, d]);
                yield return (p + "mlp.down_proj.weight", [d, f]);
            }

            yield return (p + "input_layernorm.weight", [d]);
            yield return (p + "post_attention_layernorm.weight", [d]);
        }

        yield return ("model.norm.weight", [d]);
        if (!TieWordEmbeddings) yield return ("lm_head.weight", [VocabSize, d]);
    }
}
