using System.Runtime.InteropServices;
using Btx.Model.Configuration;
using Btx.Model.Tensors;

namespace Btx.Peers.LlamaCpp.Gguf;

/// <summary>
/// Makes a GGUF file of architecture <c>llama</c> out of a Hugging Face Llama directory. llama.cpp turns neighbouring pairs of a head's
/// dimensions, Hugging Face the first half with the second: the rows of the query and key projections are put in llama.cpp's order.
/// </summary>
internal static class LlamaGguf
{
    /// <param name="type">Of matrices; norms stay fp32, as llama.cpp wants them.</param>
    /// <exception cref="Btx.Model.BtxException">The directory is no Llama model, or the file cannot be written.</exception>
    public static void Write(string directory, string path, GgufType type)
    {
        using var checkpoint = Checkpoint.Open(directory);
        var c = checkpoint.Config.RequireDense(directory);
        var file = new GgufWriter();
        Describe(file, c, type);
        GgufVocabulary.Add(file, directory, c);
        foreach (var (name, shape) in c.TensorShapes())
        {
            var heads = name.EndsWith(".q_proj.weight", StringComparison.Ordinal) ? c.NumAttentionHeads
                : name.EndsWith(".k_proj.weight", StringComparison.Ordinal) ? c.NumKeyValueHeads : 0;
            var stored = shape.Length == 1 ? GgufType.F32 : type;
            file.Add(NameOf(name), stored, shape, to => Copy(checkpoint, name, heads, stored, to));
        }

        if (c.RopeScaling is not null)
            file.Add("rope_freqs.weight", GgufType.F32, [c.HeadDim / 2], to => Divisors(c).CopyTo(MemoryMarshal.Cast<byte, float>(to)));
        file.Write(path);
    }

    /// <summary>llama.cpp's name of a tensor.</summary>
    public static string NameOf(string name)
    {
        if (!name.StartsWith("model.layers.", StringComparison.Ordinal))
        {
            return name switch
            {
                "model.embed_tokens.weight" => "token_embd.weight",
                "model.norm.weight" => "output_norm.weight",
                "lm_head.weight" => "output.weight",
                _ => throw new ArgumentException($"no such tensor: {name}", nameof(name)),
            };
        }

        var parts = name.Split('.', 4);
        return $"blk.{parts[2]}." + parts[3] switch
        {
            "self_attn.q_proj.weight" => "attn_q.weight",
            "self_attn.k_proj.weight" => "attn_k.weight",
            "self_attn.v_proj.weight" => "attn_v.weight",
            "self_attn.o_proj.weight" => "attn_output.weight",
            "mlp.gate_proj.weight" => "ffn_gate.weight",
            "mlp.up_proj.weight" => "ffn_up.weight",
            "mlp.down_proj.weight" => "ffn_down.weight",
            "input_layernorm.weight" => "attn_norm.weight",
            "post_attention_layernorm.weight" => "ffn_norm.weight",
            _ => throw new ArgumentException($"no such tensor: {name}", nameof(name)),
        };
    }

    /// <summary>The row of a projection with Hugging Face's order that llama.cpp has at <paramref name="row"/>.</summary>
    public static int SourceRow(int row, int headDim) => (row / headDim * headDim) + (row % headDim / 2) + (row % 2 * (headDim / 2));

    private static void Describe(GgufWriter file, LlamaConfig c, GgufType type)
    {
        file.Add("general.architecture", "llama");
        file.Add("general.name", "btx expert");
        file.Add("general.file_type", type == GgufType.F16 ? 1u : 0u);
        file.Add("llama.block_count", (uint)c.NumHiddenLayers);
        file.Add("llama.context_length", (uint)c.MaxPositionEmbeddings);
        file.Add("llama.embedding_length", (uint)c.HiddenSize);
        file.Add("llama.feed_forward_length", (uint)c.IntermediateSize);
        file.Add("llama.attention.head_count", (uint)c.NumAttentionHeads);
        file.Add("llama.attention.head_count_kv", (uint)c.NumKeyValueHeads);
        file.Add("llama.attention.key_length", (uint)c.HeadDim);
        file.Add("llama.attention.value_length", (uint)c.HeadDim);
        file.Add("llama.attention.layer_norm_rms_epsilon", (float)c.RmsNormEps);
        file.Add("llama.rope.freq_base", (float)c.RopeTheta);
        file.Add("llama.rope.dimension_count", (uint)c.HeadDim);
        file.Add("llama.vocab_size", (uint)c.VocabSize);
    }

    private static unsafe void Copy(Checkpoint checkpoint, string name, int heads, GgufType type, Span<byte> to)
    {
        var info = checkpoint.Info(name);
        var values = new float[info.ElementCount];
        checkpoint.CopyTo(name, values);
        if (heads > 0)
        {
            int rows = (int)info.Shape[0], width = (int)info.Shape[1];
            var ordered = new float[values.Length];
            for (var r = 0; r < rows; r++) values.AsSpan(SourceRow(r, rows / heads) * width, width).CopyTo(ordered.AsSpan(r * width));
            values = ordered;
        }

        fixed (byte* start = to) TensorDtypes.FromSingle(values, type == GgufType.F16 ? TensorDtype.F16 : TensorDtype.F32, start);
    }

    // llama.cpp divides each pair's frequency by these: any scaling of ours can be said so.
    private static float[] Divisors(LlamaConfig c)
    {
        var plain = (c with { RopeScaling = null }).RotaryInverseFrequencies();
        return [.. c.RotaryInverseFrequencies().Select((f, i) => (float)(plain[i] / f))];
    }
}
