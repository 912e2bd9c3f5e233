using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Btx.Model.Tokens;

namespace Btx.Model.Tests.Tokens;

/// <summary>The real vocabularies that tests/fetch-vocabularies.sh puts into the cache; each is read once.</summary>
internal static class Vocabularies
{
    private static readonly Lazy<TextTokenizer> LazyGpt2 = new(ReadGpt2);
    private static readonly Lazy<TextTokenizer> LazyLlama3 = new(() => TextTokenizer.Load(Directory("llama3")));
    private static readonly Lazy<TextTokenizer> LazyQwen3 = new(() => TextTokenizer.Load(Directory("qwen3")));

    public static TextTokenizer Gpt2 => LazyGpt2.Value;

    public static TextTokenizer Llama3 => LazyLlama3.Value;

    public static TextTokenizer Qwen3 => LazyQwen3.Value;

    public static TextTokenizer Named(string name) => name switch
    {
        "gpt2" => Gpt2,
        "llama3" => Llama3,
        "qwen3" => Qwen3,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    public static string Directory(string name)
    {
        var cache = Environment.GetEnvironmentVariable("BTX_CACHE");
        if (string.IsNullOrEmpty(cache))
            cache = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "btx");
        var directory = Path.Combine(cache, "vocabularies", name);
        Assert.True(
            System.IO.Directory.Exists(directory), $"{directory} is missing: run tests/fetch-vocabularies.sh, or ./btx test, which does");
        return directory;
    }

    // GPT-2 is published as encoder.json and vocab.bpe; this is the tokenizer.json that Hugging Face makes of the two.
    private static TextTokenizer ReadGpt2()
    {
        var source = Directory("gpt2");
        var merges = File.ReadAllLines(Path.Combine(source, "vocab.bpe")).Skip(1).Where(line => line.Length > 0);
        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(new JsonObject
            {
                ["id"] = 50256,
                ["content"] = "<|endoftext|>",
                ["normalized"] = true,
                ["special"] = true
            }),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true },
            ["post_processor"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = true, ["trim_offsets"] = false },
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = true, ["trim_offsets"] = true },
            ["model"] = new JsonObject
            {
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = "",
                ["end_of_word_suffix"] = "",
                ["fuse_unk"] = false,
                ["vocab"] = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "encoder.json"))),
                ["merges"] = new JsonArray([.. merges.Select(m => (JsonNode)m)]),
            },
        };
        var config =
            """{"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "tokenizer_class": "GPT2Tokenizer"}""";
        using var directory = new TemporaryDirectory();
        var options = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        File.WriteAllText(Path.Combine(directory.Path, "tokenizer.json"), json.ToJsonString(options));
        File.WriteAllText(Path.Combine(directory.Path, "tokenizer_config.json"), config);
        return TextTokenizer.Load(directory.Path);
    }
}
