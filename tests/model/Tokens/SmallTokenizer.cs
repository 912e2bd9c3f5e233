using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Btx.Model.Tokens;

namespace Btx.Model.Tests.Tokens;

/// <summary>A tokenizer.json of 256 bytes, three merges and two special tokens, to bend.</summary>
internal static class SmallTokenizer
{
    public static JsonObject Json()
    {
        var vocabulary = new JsonObject();
        for (var b = 0; b < 256; b++) vocabulary[ByteAlphabet.Character((byte)b).ToString()] = b;
        vocabulary["ab"] = 256;
        vocabulary["Ġc"] = 257;
        vocabulary["abĠc"] = 258;
        return new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(Added(300, "<s>"), Added(301, "</s>")),
            ["normalizer"] = null,
            ["pre_tokenizer"] =
                JsonNode.Parse("""{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}"""),
            ["post_processor"] = null,
            ["decoder"] = JsonNode.Parse("""{"type": "ByteLevel"}"""),
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray("a b", "Ġ c", "ab Ġc") },
        };
    }

    public static TextTokenizer Read(JsonNode json, string? config = null) => TextTokenizer.Parse(
        JsonSerializer.SerializeToUtf8Bytes(json), config is null ? null : Encoding.UTF8.GetBytes(config), "tokenizer.json");

    private static JsonObject Added(int id, string content) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = true,
    };
}
