using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Btx.Trainer.Tests.Networks;

/// <summary>
/// A Mixtral model directory as the published ones are laid out (config.json, model-0000i-of-0000n.safetensors, the index), written and
/// read with nothing of ours.
/// </summary>
internal static class MixtralDirectory
{
    public const int Vocabulary = 37, Hidden = 16, Intermediate = 24, Layers = 2, Heads = 4, KeyValueHeads = 2, Experts = 6;

    /// <summary>Shapes by name, in the order in which transformers lists them.</summary>
    public static IReadOnlyList<(string Name, long[] Shape)> Tensors(bool tied = false)
    {
        const int kv = Hidden / Heads * KeyValueHeads;
        var list = new List<(string, long[])> { ("model.embed_tokens.weight", [Vocabulary, Hidden]) };
        for (var l = 0; l < Layers; l++)
        {
            var p = $"model.layers.{l}.";
            list.AddRange([(p + "self_attn.q_proj.weight", [Hidden, Hidden]), (p + "self_attn.k_proj.weight", [kv, Hidden]),
                (p + "self_attn.v_proj.weight", [kv, Hidden]), (p + "self_attn.o_proj.weight", [Hidden, Hidden])]);
            list.Add((p + "block_sparse_moe.gate.weight", [Experts, Hidden]));
            for (var e = 0; e < Experts; e++)
            {
                var x = $"{p}block_sparse_moe.experts.{e}.";
                list.AddRange([(x + "w1.weight", [Intermediate, Hidden]), (x + "w2.weight", [Hidden, Intermediate]),
                    (x + "w3.weight", [Intermediate, Hidden])]);
            }

            list.AddRange([(p + "input_layernorm.weight", [Hidden]), (p + "post_attention_layernorm.weight", [Hidden])]);
        }

        list.Add(("model.norm.weight", [Hidden]));
        if (!tied) list.Add(("lm_head.weight", [Vocabulary, Hidden]));
        return list;
    }

    public static JsonObject Config(string dtype, bool tied) => new()
    {
        ["architectures"] = new JsonArray("MixtralForCausalLM"),
        ["attention_dropout"] = 0.0,
        ["bos_token_id"] = 1,
        ["eos_token_id"] = 2,
        ["hidden_act"] = "silu",
        ["hidden_size"] = Hidden,
        ["initializer_range"] = 0.02,
        ["intermediate_size"] = Intermediate,
        ["max_position_embeddings"] = 64,
        ["model_type"] = "mixtral",
        ["num_attention_heads"] = Heads,
        ["num_experts_per_tok"] = 2,
        ["num_hidden_layers"] = Layers,
        ["num_key_value_heads"] = KeyValueHeads,
        ["num_local_experts"] = Experts,
        ["output_router_logits"] = false,
        ["rms_norm_eps"] = 1e-05,
        ["rope_theta"] = 1000000.0,
        ["router_aux_loss_coef"] = 0.02,
        ["sliding_window"] = null,
        ["tie_word_embeddings"] = tied,
        ["torch_dtype"] = dtype,
        ["transformers_version"] = "4.36.0.dev0",
        ["use_cache"] = true,
        ["vocab_size"] = Vocabulary,
    };

    /// <summary>Writes the directory; the weights are random, rounded to <paramref name="dtype"/>.</summary>
    /// <param name="leaveOut">A tensor that is not written.</param>
    /// <returns>The weights as they were stored.</returns>
    public static Dictionary<string, float[]> Write(string directory, string dtype = "float32", bool tied = false, string? leaveOut = null,
        Action<string, float[]>? change = null)
    {
        var random = new Random(11);
        var stored = new Dictionary<string, float[]>();
        var tensors = Tensors(tied).Where(t => t.Name != leaveOut).ToArray();
        foreach (var (name, shape) in tensors)
        {
            var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
            for (var i = 0; i < values.Length; i++)
                values[i] = Narrow(shape.Length == 1 ? 0.5f + random.NextSingle() : 0.8f * (random.NextSingle() - 0.5f), dtype);
            change?.Invoke(name, values);
            stored[name] = values;
        }

        const int shards = 3;
        var map = new JsonObject();
        for (var s = 0; s < shards; s++)
        {
            var file = $"model-{s + 1:00000}-of-{shards:00000}.safetensors";
            var members = tensors.Where((_, i) => i * shards / tensors.Length == s).ToArray();
            foreach (var (name, _) in members) map[name] = file;
            WriteShard(Path.Combine(directory, file), members, stored, dtype);
        }

        var total = tensors.Sum(t => t.Shape.Aggregate(dtype == "float32" ? 4L : 2L, (a, b) => a * b));
        File.WriteAllText(Path.Combine(directory, "model.safetensors.index.json"),
            new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = total }, ["weight_map"] = map }.ToJsonString());
        File.WriteAllText(Path.Combine(directory, "config.json"), Config(dtype, tied).ToJsonString());
        return stored;
    }

    /// <summary>Every tensor of every safetensors file of a directory: dtype, shape and fp32 values by name.</summary>
    public static Dictionary<string, (string Dtype, long[] Shape, float[] Values)> Read(string directory)
    {
        var tensors = new Dictionary<string, (string, long[], float[])>();
        foreach (var file in Directory.GetFiles(directory, "*.safetensors"))
        {
            var bytes = File.ReadAllBytes(file);
            var header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
            foreach (var (name, entry) in JsonNode.Parse(bytes.AsSpan(8, header))!.AsObject())
            {
                if (name == "__metadata__") continue;
                var range = entry!["data_offsets"]!.AsArray().Select(o => (int)o!).ToArray();
                var data = bytes[(8 + header + range[0])..(8 + header + range[1])];
                var type = (string)entry["dtype"]!;
                float[] values = type switch
                {
                    "F32" => [.. data.Chunk(4).Select(b => BitConverter.ToSingle(b))],
                    "F16" => [.. data.Chunk(2).Select(b => (float)BitConverter.ToHalf(b))],
                    _ => [.. data.Chunk(2).Select(b => BitConverter.Int32BitsToSingle(BitConverter.ToUInt16(b) << 16))],
                };
                tensors.Add(name, (type, [.. entry["shape"]!.AsArray().Select(v => (long)v!)], values));
            }
        }

        return tensors;
    }

    private static void WriteShard(string path, (string Name, long[] Shape)[] members, Dictionary<string, float[]> stored, string dtype)
    {
        var header = new JsonObject { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        using var data = new MemoryStream();
        foreach (var (name, shape) in members)
        {
            var start = data.Length;
            foreach (var v in stored[name]) data.Write(dtype switch
            {
                "float32" => BitConverter.GetBytes(v),
                "float16" => BitConverter.GetBytes((Half)v),
                _ => BitConverter.GetBytes((ushort)(BitConverter.SingleToInt32Bits(v) >> 16)),
            });
            header[name] = new JsonObject
            {
                ["dtype"] = dtype switch { "float32" => "F32", "float16" => "F16", _ => "BF16" },
                ["shape"] = JsonSerializer.SerializeToNode(shape),
                ["data_offsets"] = new JsonArray(start, data.Length),
            };
        }

        var json = Encoding.UTF8.GetBytes(header.ToJsonString());
        using var file = File.Create(path);
        file.Write(BitConverter.GetBytes((long)json.Length));
        file.Write(json);
        data.Position = 0;
        data.CopyTo(file);
    }

    private static float Narrow(float v, string dtype) => dtype switch
    {
        "float32" => v,
        "float16" => (float)(Half)v,
        _ => BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(v) & unchecked((int)0xFFFF0000)),
    };
}
