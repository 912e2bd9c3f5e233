using System.Text.Json;
using System.Text.Json.Nodes;
using Btx.Model.Tokens;

namespace Btx.Model.Tests.Tokens;

/// <summary>tokenizer.json and tokenizer_config.json: what is written is read again, and is what Hugging Face expects.</summary>
public sealed class TokenizerFilesTests
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    [InlineData("qwen3")]
    public void A_real_tokenizer_written_and_read_again_is_the_same(string name)
    {
        var tokenizer = Vocabularies.Named(name);
        using var directory = new TemporaryDirectory();
        tokenizer.Save(directory.Path);
        var again = TextTokenizer.Load(directory.Path);
        Assert.Equal(tokenizer.Hash, again.Hash);
        Assert.Equal((tokenizer.VocabSize, tokenizer.BosId, tokenizer.EosId, tokenizer.AddBos),
            (again.VocabSize, again.BosId, again.EosId, again.AddBos));
        const string Text = "It's 12345 e\u0301 <|im_end|> 日本語\n\n\tx";
        Assert.Equal(tokenizer.Encode(Text, allowSpecial: true), again.Encode(Text, allowSpecial: true));
        if (name != "gpt2")
            Assert.Equal(File.ReadAllText(Path.Combine(Vocabularies.Directory(name), "tokenizer_config.json")),
                File.ReadAllText(Path.Combine(directory.Path, "tokenizer_config.json")));
    }

    [Fact]
    public void The_hash_is_of_the_content_not_of_its_spelling()
    {
        var json = SmallTokenizer.Json();
        var arrays = SmallTokenizer.Json();
        arrays["model"]!["merges"] = new JsonArray([.. json["model"]!["merges"]!.AsArray()
            .Select(m => (JsonNode)new JsonArray([.. m!.GetValue<string>().Split(' ').Select(s => (JsonNode)s)]))]);
        var hash = SmallTokenizer.Read(json).Hash;
        Assert.Equal(64, hash.Length);
        Assert.Equal(hash, SmallTokenizer.Read(arrays).Hash);
        Assert.Equal(hash, TextTokenizer.Parse(JsonSerializer.SerializeToUtf8Bytes(json, Indented), null, "test").Hash);
        json["model"]!["ignore_merges"] = true;
        Assert.NotEqual(hash, SmallTokenizer.Read(json).Hash);
    }

    [Fact]
    public void A_trained_tokenizer_is_written_as_Hugging_Face_writes_one()
    {
        using var directory = new TemporaryDirectory();
        BpeTrainer.Train(["a a a"], 258, ["<|endoftext|>"]).Save(directory.Path);
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(directory.Path, "tokenizer.json")))!;
        Assert.Equal("1.0", (string?)json["version"]);
        Assert.Equal(["Replace", "Replace", "Replace", "NFC"],
            json["normalizer"]!["normalizers"]!.AsArray().Select(n => (string?)n!["type"]));
        Assert.Equal("""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""",
            json["pre_tokenizer"]!.ToJsonString());
        Assert.Equal("ByteLevel", (string?)json["decoder"]!["type"]);
        Assert.Equal("BPE", (string?)json["model"]!["type"]);
        Assert.Equal(0, (int)json["model"]!["vocab"]!["<|endoftext|>"]!);
        Assert.Equal(1, (int)json["model"]!["vocab"]!["!"]!);
        Assert.Equal(257, (int)json["model"]!["vocab"]!["Ġa"]!);
        Assert.Equal("Ġ a", (string?)json["model"]!["merges"]![0]);
        Assert.True((bool)json["added_tokens"]![0]!["special"]!);
        Assert.Equal("<|endoftext|>", (string?)json["post_processor"]!["single"]![0]!["SpecialToken"]!["id"]);
        Assert.Equal(0, (int)json["post_processor"]!["special_tokens"]!["<|endoftext|>"]!["ids"]![0]!);
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(directory.Path, "tokenizer_config.json")))!;
        Assert.True((bool)config["add_bos_token"]!);
        Assert.Equal(("<|endoftext|>", "<|endoftext|>", "PreTrainedTokenizerFast"),
            ((string?)config["bos_token"], (string?)config["eos_token"], (string?)config["tokenizer_class"]));
    }

    [Fact]
    public void A_file_of_an_earlier_version_is_read_with_its_ids_and_keeps_its_hash()
    {
        // It listed special tokens in added_tokens alone, and had no normalizer.
        using var directory = new TemporaryDirectory();
        BpeTrainer.Train(["the fox jumps over the lazy dog, and the dog sleeps. the end. the end"], 300, ["<|endoftext|>"])
            .Save(directory.Path);
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(directory.Path, "tokenizer.json")))!;
        json["model"]!["vocab"]!.AsObject().Remove("<|endoftext|>");
        json["normalizer"] = null;
        var old = SmallTokenizer.Read(json);
        Assert.Equal("61fb8b45e1e1ee4c51aef135e925f2f203218f31473b1494a1cae9d3dba6502c", old.Hash);
        Assert.Equal([0, 257], old.Encode("<|endoftext|>he", allowSpecial: true));
        Assert.Equal("\ufeff\r\n", old.Decode(old.Encode("\ufeff\r\n")));
        // Written again it is the same tokenizer, and Hugging Face reads it as it was trained.
        old.Save(directory.Path);
        Assert.Equal(old.Hash, TextTokenizer.Load(directory.Path).Hash);
        using var reference = new ReferenceTokenizer(directory.Path);
        Assert.Equal([0, 257], reference.Encode("<|endoftext|>he"));
    }

    [Fact]
    public void Added_tokens_of_the_configuration_are_added_and_their_flags_count()
    {
        const string Config =
            """{"added_tokens_decoder": {"301": {"content": "</s>", "special": false}, "302": {"content": "<pad>", "special": true, "lstrip": true}}}""";
        var tokenizer = SmallTokenizer.Read(SmallTokenizer.Json(), Config);
        Assert.Equal([97, 302, 301, 98], tokenizer.Encode("a <pad></s>b", allowSpecial: true));
        Assert.True(tokenizer.IsSpecial(300) && tokenizer.IsSpecial(302) && !tokenizer.IsSpecial(301));
        Assert.Equal("</s>", tokenizer.Decode([302, 301]));
    }

    [Fact]
    public void A_template_that_puts_a_token_first_makes_it_the_start_of_documents()
    {
        var json = SmallTokenizer.Json();
        json["post_processor"] = JsonNode.Parse("""
            {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
             {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
              "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [300], "tokens": ["<s>"]}}}]}
            """);
        var tokenizer = SmallTokenizer.Read(json);
        Assert.Equal((300, true), (tokenizer.BosId, tokenizer.AddBos));
        Assert.False(SmallTokenizer.Read(json, """{"add_bos_token": false}""").AddBos);
        var described = SmallTokenizer.Read(SmallTokenizer.Json(),
            """{"add_bos_token": true, "bos_token": {"__type": "AddedToken", "content": "<s>"}, "eos_token": "</s>"}""");
        Assert.Equal((300, 301, true), (described.BosId, described.EosId, described.AddBos));
    }

    [Fact]
    public void Tokens_that_are_no_byte_level_text_and_holes_between_ids_are_kept_apart()
    {
        var tokenizer = SmallTokenizer.Read(SmallTokenizer.Json());
        Assert.Equal(302, tokenizer.VocabSize);
        Assert.True(tokenizer.TokenBytes(280).IsEmpty && tokenizer.TokenBytes(-1).IsEmpty && tokenizer.TokenBytes(999).IsEmpty);
        Assert.Equal("ab", tokenizer.Decode([tokenizer.Encode("ab")[0], 280, 999]));
        Assert.Equal(300, tokenizer.TokenId("<s>"));
        Assert.Null(tokenizer.TokenId("<none>"));
    }

    [Fact]
    public void Saving_over_a_tokenizer_leaves_no_other_files()
    {
        using var directory = new TemporaryDirectory();
        var tokenizer = SmallTokenizer.Read(SmallTokenizer.Json());
        tokenizer.Save(directory.Path);
        tokenizer.Save(directory.Path);
        Assert.Equal(["tokenizer.json", "tokenizer_config.json"],
            Directory.GetFiles(directory.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }
}
