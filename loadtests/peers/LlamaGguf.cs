using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Tensors;

namespace Btx.Peers;

/// <summary>Makes a GGUF file of a Hugging Face Llama directory; rows of query and key are put in llama.cpp's order of pairs.</summary>
internal static class LlamaGguf
{
    private const int Normal = 1, Control = 3, UserDefined = 4, Unused = 5; // types of tokens

    private static readonly Dictionary<string, string> s_names = new()
    {
        ["model.embed_tokens.weight"] = "token_embd.weight",
        ["model.norm.weight"] = "output_norm.weight",
        ["lm_head.weight"] = "output.weight",
        ["self_attn.q_proj.weight"] = "attn_q.weight",
        ["self_attn.k_proj.weight"] = "attn_k.weight",
        ["self_attn.v_proj.weight"] = "attn_v.weight",
        ["self_attn.o_proj.weight"] = "attn_output.weight",
        ["mlp.gate_proj.weight"] = "ffn_gate.weight",
        ["mlp.up_proj.weight"] = "ffn_up.weight",
        ["mlp.down_proj.weight"] = "ffn_down.weight",
        ["input_layernorm.weight"] = "attn_norm.weight",
        ["post_attention_layernorm.weight"] = "ffn_norm.weight",
    };

    /// <param name="type">Of matrices; norms stay fp32, as llama.cpp wants them.</param>
    public static void Write(string directory, string path, GgufType type)
    {
        using var checkpoint = Checkpoint.Open(directory);
        var c = checkpoint.Config.RequireDense(directory);
        var file = new GgufWriter();
        file.Add("general.architecture", "llama");
        file.Add("general.name", "btx expert");
        file.Add("general.file_type", type == GgufType.F16 ? 1u : 0u);
        foreach (var (key, value) in new[] { ("block_count", c.NumHiddenLayers), ("context_length", c.MaxPositionEmbeddings),
            ("embedding_length", c.HiddenSize), ("feed_forward_length", c.IntermediateSize), ("attention.head_count", c.NumAttentionHeads),
            ("attention.head_count_kv", c.NumKeyValueHeads), ("attention.key_length", c.HeadDim), ("attention.value_length", c.HeadDim),
            ("rope.dimension_count", c.HeadDim), ("vocab_size", c.VocabSize) })
            file.Add($"llama.{key}", (uint)value);
        file.Add("llama.attention.layer_norm_rms_epsilon", (float)c.RmsNormEps);
        file.Add("llama.rope.freq_base", (float)c.RopeTheta);
        AddVocabulary(file, directory, c);
        foreach (var (name, shape) in c.TensorShapes())
        {
            var heads = name.EndsWith(".q_proj.weight", StringComparison.Ordinal) ? c.NumAttentionHeads
                : name.EndsWith(".k_proj.weight", StringComparison.Ordinal) ? c.NumKeyValueHeads : 0;
            var stored = shape.Length == 1 ? GgufType.F32 : type;
            file.Add(NameOf(name), stored, shape, () => Data(checkpoint, name, heads, stored));
        }

        if (c.RopeScaling is not null)
        {
            // llama.cpp divides each pair's frequency by these: any scaling of ours can be said so.
            var plain = (c with { RopeScaling = null }).RotaryInverseFrequencies();
            float[] divisors = [.. c.RotaryInverseFrequencies().Select((f, i) => (float)(plain[i] / f))];
            file.Add("rope_freqs.weight", GgufType.F32, [c.HeadDim / 2], () => MemoryMarshal.AsBytes<float>(divisors).ToArray());
        }

        file.Write(path);
    }

    public static string NameOf(string name) => name.StartsWith("model.layers.", StringComparison.Ordinal)
        ? $"blk.{name.Split('.')[2]}.{s_names[name.Split('.', 4)[3]]}" : s_names[name];

    /// <summary>The row of a projection with Hugging Face's order that llama.cpp has at <paramref name="row"/>.</summary>
    public static int SourceRow(int row, int headDim) => (row / headDim * headDim) + (row % headDim / 2) + (row % 2 * (headDim / 2));

    private static unsafe byte[] Data(Checkpoint checkpoint, string name, int heads, GgufType type)
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

        var bytes = new byte[values.Length * (type == GgufType.F16 ? 2 : 4)];
        fixed (byte* start = bytes) TensorDtypes.FromSingle(values, type == GgufType.F16 ? TensorDtype.F16 : TensorDtype.F32, start);
        return bytes;
    }

    // The metadata tokenizer.ggml.* of a byte-level BPE vocabulary, from tokenizer.json.
    private static void AddVocabulary(GgufWriter file, string directory, LlamaConfig c)
    {
        var path = Path.Combine(directory, "tokenizer.json");
        if (!File.Exists(path))
            throw new BtxException($"{path}: not found; a model directory holds config.json, model.safetensors and tokenizer.json");
        string[] tokens = [.. Enumerable.Range(0, c.VocabSize).Select(i => $"[PAD{i}]")];
        int[] types = [.. Enumerable.Repeat(Unused, c.VocabSize)];
        string[] merges;
        string? split;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            var model = root.GetProperty("model");
            foreach (var (id, token, type) in model.GetProperty("vocab").EnumerateObject().Select(t => (t.Value.GetInt32(), t.Name, Normal))
                .Concat(root.GetProperty("added_tokens").EnumerateArray().Select(t => (t.GetProperty("id").GetInt32(),
                    t.GetProperty("content").GetString()!, t.GetProperty("special").GetBoolean() ? Control : UserDefined))))
            {
                if (id < 0 || id >= tokens.Length)
                    throw new BtxException($"{path}: \"{BtxException.OneLine(token)}\" has id {id}; the vocab_size is {tokens.Length}");
                (tokens[id], types[id]) = (token, type);
            }

            merges = [.. model.GetProperty("merges").EnumerateArray()
                .Select(m => m.ValueKind == JsonValueKind.Array ? $"{m[0].GetString()} {m[1].GetString()}" : m.GetString()!)];
            split = Split(root);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new BtxException($"{path}: not a byte-level BPE tokenizer ({BtxException.OneLine(e.Message)})", e);
        }

        file.Add("tokenizer.ggml.model", "gpt2");
        file.Add("tokenizer.ggml.pre", split is null ? "gpt-2" : split.Contains("{1,3}", StringComparison.Ordinal) ? "llama-bpe" : "qwen2");
        file.Add("tokenizer.ggml.tokens", tokens);
        file.Add("tokenizer.ggml.token_type", types);
        file.Add("tokenizer.ggml.merges", merges);
        if (c.BosTokenId is { } bos) file.Add("tokenizer.ggml.bos_token_id", (uint)bos);
        if (c.EosTokenIds.First is { } eos) file.Add("tokenizer.ggml.eos_token_id", (uint)eos);
    }

    // Null: GPT-2's own pattern. Llama 3's and Qwen's part in the digits that stay together.
    private static string? Split(JsonElement root)
    {
        if (!root.TryGetProperty("pre_tokenizer", out var pre) || pre.ValueKind != JsonValueKind.Object) return null;
        var parts = pre.TryGetProperty("pretokenizers", out var list) ? list.EnumerateArray().ToArray() : [pre];
        return parts.Where(p => p.GetProperty("type").GetString() == "Split")
            .Select(p => p.GetProperty("pattern").GetProperty("Regex").GetString()).FirstOrDefault();
    }
}

/// <summary>Types of stored tensors, with ggml's numbers.</summary>
internal enum GgufType : uint { F32 = 0, F16 = 1 }

/// <summary>Writes a GGUF file, version 3, little-endian, each tensor on a multiple of 32 bytes; see ggml's <c>docs/gguf.md</c>.</summary>
internal sealed class GgufWriter
{
    private readonly List<(string Key, uint Type, Action<BinaryWriter> Value)> _metadata = [];
    private readonly List<(string Name, GgufType Type, IReadOnlyList<long> Shape, Func<byte[]> Data)> _tensors = [];

    public void Add(string key, uint value) => _metadata.Add((key, 4, w => w.Write(value)));

    public void Add(string key, float value) => _metadata.Add((key, 6, w => w.Write(value)));

    public void Add(string key, string value) => _metadata.Add((key, 8, w => Text(w, value)));

    public void Add(string key, IReadOnlyCollection<string> values) => _metadata.Add((key, 9, w => Array(w, 8, values, Text)));

    public void Add(string key, IReadOnlyCollection<int> values) =>
        _metadata.Add((key, 9, w => Array(w, 5, values, (to, value) => to.Write(value))));

    /// <param name="shape">As PyTorch says it, outermost first; the file lists it innermost first.</param>
    public void Add(string name, GgufType type, IReadOnlyList<long> shape, Func<byte[]> data) => _tensors.Add((name, type, shape, data));

    public void Write(string path) => AtomicFile.Write(path, stream =>
    {
        using var w = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        w.Write("GGUF"u8);
        w.Write(3u);
        w.Write((ulong)_tensors.Count);
        w.Write((ulong)_metadata.Count);
        foreach (var (key, type, value) in _metadata)
        {
            Text(w, key);
            w.Write(type);
            value(w);
        }

        var offset = 0L;
        foreach (var (name, type, shape, _) in _tensors)
        {
            Text(w, name);
            w.Write((uint)shape.Count);
            foreach (var size in shape.Reverse()) w.Write((ulong)size);
            w.Write((uint)type);
            w.Write((ulong)offset);
            offset = Aligned(offset + (shape.Aggregate(1L, (n, s) => n * s) * (type == GgufType.F16 ? 2 : 4)));
        }

        Pad(w);
        foreach (var (_, _, _, data) in _tensors)
        {
            w.Write(data());
            Pad(w);
        }
    });

    private static void Array<T>(BinaryWriter w, uint type, IReadOnlyCollection<T> values, Action<BinaryWriter, T> write)
    {
        w.Write(type);
        w.Write((ulong)values.Count);
        foreach (var value in values) write(w, value);
    }

    private static long Aligned(long position) => (position + 31) / 32 * 32;

    private static void Pad(BinaryWriter w)
    {
        w.Flush();
        w.Write(new byte[Aligned(w.BaseStream.Position) - w.BaseStream.Position]);
    }

    private static void Text(BinaryWriter w, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        w.Write((ulong)bytes.Length);
        w.Write(bytes);
    }
}
