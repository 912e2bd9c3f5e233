using System.Text.Json;
using Btx.Model;
using Btx.Model.Configuration;

namespace Btx.Peers.LlamaCpp.Gguf;

/// <summary>The metadata <c>tokenizer.ggml.*</c> of a byte-level BPE vocabulary, from <c>tokenizer.json</c>.</summary>
internal static class GgufVocabulary
{
    private const int Normal = 1, Control = 3, UserDefined = 4, Unused = 5;

    /// <exception cref="BtxException">The tokenizer cannot be read.</exception>
    public static void Add(GgufWriter file, string directory, LlamaConfig c)
    {
        var path = Path.Combine(directory, "tokenizer.json");
        if (!File.Exists(path))
            throw new BtxException($"{path}: not found; a model directory holds config.json, model.safetensors and tokenizer.json");
        var tokens = Enumerable.Range(0, c.VocabSize).Select(i => $"[PAD{i}]").ToArray();
        var types = Enumerable.Repeat(Unused, c.VocabSize).ToArray();
        var merges = new List<string>();
        string? split;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            var model = root.GetProperty("model");
            void Put(int id, string token, int type)
            {
                if (id < 0 || id >= tokens.Length)
                    throw new BtxException($"{path}: token \"{BtxException.OneLine(token)}\" has id {id}; config.json "
                        + $"has a vocab_size of {tokens.Length}");
                (tokens[id], types[id]) = (token, type);
            }

            foreach (var token in model.GetProperty("vocab").EnumerateObject()) Put(token.Value.GetInt32(), token.Name, Normal);
            foreach (var merge in model.GetProperty("merges").EnumerateArray())
                merges.Add(merge.ValueKind == JsonValueKind.Array ? $"{merge[0].GetString()} {merge[1].GetString()}" : merge.GetString()!);
            foreach (var added in root.GetProperty("added_tokens").EnumerateArray())
                Put(added.GetProperty("id").GetInt32(), added.GetProperty("content").GetString()!,
                    added.GetProperty("special").GetBoolean() ? Control : UserDefined);
            split = SplitOf(root);
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
    private static string? SplitOf(JsonElement root)
    {
        if (!root.TryGetProperty("pre_tokenizer", out var pre) || pre.ValueKind != JsonValueKind.Object) return null;
        var parts = pre.TryGetProperty("pretokenizers", out var list) ? list.EnumerateArray().ToArray() : [pre];
        foreach (var part in parts)
        {
            if (part.GetProperty("type").GetString() == "Split") return part.GetProperty("pattern").GetProperty("Regex").GetString();
        }

        return null;
    }
}
