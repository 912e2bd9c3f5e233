using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Btx.Model.Tokens;

namespace Btx.Model.Tests.Tokens;

/// <summary>Whatever is done to a tokenizer.json, reading it succeeds or throws
/// <see cref="BtxException"/>, without large allocations.</summary>
public sealed class TokenizerReaderFuzzTests
{
    private const long MostAllocated = 64 << 20;

    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "-1", "3", "255", "300", "1e300", "2147483647", "-2147483648", "0.5", "\"\"", "\"a b\"",
            "\"ByteLevel\"", "\"Sequence\"", "\"<s>\"",
        "{}", "[]", "[null]", "[[]]", "{\"type\": \"ByteLevel\"}", "{\"type\": null}", "[\"a\", \"b\"]", "{\"id\": \"<s>\"}", "{\"\": 0}",
    ];

    private static readonly string[] Fragments =
    [
        "null", "true", "-1", "1e999", "99999999999999999999", "2147483647", "\"\"", "\"\\ud800\"", "\"\\u0000\"", "{}", "[]", "[[[[[[[[",
            "{\"a\":", ",", ":", "\"", "\\", "}", "]",
        "\"type\"", "\"Sequence\"", "\"Split\"", "\"TemplateProcessing\"", "\"SpecialToken\"", "\"NFC\"", "0.5", "\u00ff",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Only_BtxException_comes_out(int seed)
    {
        var random = new Random(seed);
        var originals = Originals();
        var read = 0;
        for (var round = 0; round < 1200; round++)
        {
            var original = originals[random.Next(originals.Count)];
            var bytes = round % 2 == 0 ? Mutate(original, random) : MutateValue(original, random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var tokenizer = TextTokenizer.Parse(bytes, """{"bos_token": "<s>"}"""u8.ToArray(), "fuzz");
                tokenizer.DecodeBytes(tokenizer.Encode("ab c <s>", allowSpecial: true));
                read++;
            }
            catch (BtxException e)
            {
                Assert.StartsWith("fuzz: ", e.Message);
                Assert.DoesNotContain('\n', e.Message);
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostAllocated);
        }

        // Both outcomes must be common, or the mutations tell nothing.
        Assert.InRange(read, 20, 1180);
    }

    [Theory]
    [InlineData(4)]
    public void A_configuration_can_do_no_worse(int seed)
    {
        var random = new Random(seed);
        var tokenizer = JsonSerializer.SerializeToUtf8Bytes(SmallTokenizer.Json());
        var config =
            """{"add_bos_token": true, "bos_token": {"content": "<s>", "special": true}, "eos_token": "</s>", "add_eos_token": false}"""u8
            .ToArray();
        for (var round = 0; round < 500; round++)
        {
            var bytes = Mutate(config, random);
            try
            {
                TextTokenizer.Parse(tokenizer, bytes, "fuzz");
            }
            catch (BtxException e)
            {
                Assert.StartsWith("fuzz: ", e.Message);
            }
        }
    }

    private static List<byte[]> Originals()
    {
        var split = SmallTokenizer.Json();
        split["normalizer"] = JsonNode.Parse("""{"type": "NFC"}""");
        split["pre_tokenizer"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["pretokenizers"] = new JsonArray(
                new JsonObject
                {
                    ["type"] = "Split",
                    ["pattern"] = new JsonObject { ["Regex"] = SplitPatterns.Llama3 },
                    ["behavior"] = "Isolated",
                    ["invert"] = false,
                },
                new JsonObject { ["type"] = "ByteLevel", ["use_regex"] = false }),
        };
        split["post_processor"] = JsonNode.Parse(
            """{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]}""");
        return [JsonSerializer.SerializeToUtf8Bytes(SmallTokenizer.Json()), JsonSerializer.SerializeToUtf8Bytes(split)];
    }

    // Well-formed JSON with one value exchanged, dropped or put elsewhere: gets past the parser.
    private static byte[] MutateValue(byte[] original, Random random)
    {
        var root = JsonNode.Parse(original)!;
        var node = root;
        while (true)
        {
            var children = node is JsonObject o ? o.Select(p => p.Value).ToList() : node is JsonArray a ? [.. a] : [];
            var child = children.Count == 0 ? null : children[random.Next(children.Count)];
            if (child is null || (node != root && random.Next(4) == 0)) break;
            node = child;
        }

        if (node == root) return original;
        var value = random.Next(3) == 0 ? Random(root, random) : JsonNode.Parse(Values[random.Next(Values.Length)]);
        if (random.Next(5) > 0) node.ReplaceWith(value);
        else if (node.Parent is JsonArray array) array.Remove(node);
        else node.Parent!.AsObject().Remove(node.GetPropertyName());
        return JsonSerializer.SerializeToUtf8Bytes(root);
    }

    private static JsonNode? Random(JsonNode root, Random random)
    {
        var members = root.AsObject().Select(p => p.Value).OfType<JsonNode>().ToList();
        return members[random.Next(members.Count)].DeepClone();
    }

    private static byte[] Mutate(byte[] original, Random random)
    {
        var bytes = original.ToList();
        for (var edits = random.Next(1, 4); edits > 0; edits--)
        {
            if (bytes.Count < 4) break;
            var at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes.RemoveRange(at, Math.Min(bytes.Count - at - 1, random.Next(1, 12))); break;
                case 2: bytes.InsertRange(at, Encoding.UTF8.GetBytes(Fragments[random.Next(Fragments.Length)])); break;
                case 3: Replace(bytes, Array.FindIndex([.. bytes], at, b => b is >= (byte)'0' and <= (byte)'9'), 1, random); break;
                case 4: bytes.RemoveRange(at + 1, bytes.Count - at - 1); break;
                default: bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count / 2), random.Next(1, bytes.Count / 2))); break;
            }
        }

        return [.. bytes];
    }

    // Puts another value where a number stands.
    private static void Replace(List<byte> bytes, int at, int length, Random random)
    {
        if (at < 0) return;
        bytes.RemoveRange(at, length);
        bytes.InsertRange(at, Encoding.UTF8.GetBytes(Fragments[random.Next(Fragments.Length)]));
    }
}
