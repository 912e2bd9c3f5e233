using System.Text;
using System.Text.Json.Nodes;
using Btx.Model.Tokens;

namespace Btx.Model.Tests.Tokens;

/// <summary>What cannot be done exactly is refused by name, never guessed at.</summary>
public sealed class TokenizerRefusalTests
{
    [Theory]
    [InlineData("model.type", "\"Unigram\"", "model.type \"Unigram\" is not supported")]
    [InlineData("model.type", "7", "type is 7; expected a string")]
    [InlineData("model.unk_token", "\"[UNK]\"", "model.unk_token \"[UNK]\"")]
    [InlineData("model.continuing_subword_prefix", "\"##\"", "model.continuing_subword_prefix \"##\"")]
    [InlineData("model.end_of_word_suffix", "\"</w>\"", "model.end_of_word_suffix \"</w>\"")]
    [InlineData("model.byte_fallback", "true", "model.byte_fallback")]
    [InlineData("model.dropout", "0.1", "model.dropout \"0.1\"")]
    [InlineData("model.vocab", "[]", "vocab is []; expected an object")]
    [InlineData("model.vocab", "null", "model.vocab is missing")]
    [InlineData("model.vocab.ab", "\"x\"", "id of token \"ab\" is not a whole number")]
    [InlineData("model.vocab.ab", "-1", "token \"ab\" has id -1")]
    [InlineData("model.vocab.ab", "2000000000", "token \"ab\" has id 2000000000")]
    [InlineData("model.vocab.ab", "97", "share id 97")]
    [InlineData("model.merges", "null", "model.merges is missing")]
    [InlineData("model.merges", "[\"a b\", \"a b\"]", "the merge rule for \"ab\" is listed twice")]
    [InlineData("model.merges", "[\"a  b\"]", "merge 0 is not a pair")]
    [InlineData("model.merges", "[[\"a\", \"b\", \"c\"]]", "merge 0 is not a pair")]
    [InlineData("model.merges", "[[\"a\", 1]]", "merge 0 is not a pair")]
    [InlineData("model.merges", "[\"a c\"]", "merge 0 needs token \"ac\"")]
    [InlineData("model.merges", "[\"zz b\"]", "merge 0 needs token \"zz\"")]
    [InlineData("model.ignore_merges", "\"yes\"", "ignore_merges is")]
    [InlineData("model", "null", "model is missing")]
    [InlineData("normalizer", "{\"type\": \"Lowercase\"}", "normalizer \"Lowercase\" is not supported")]
    [InlineData("normalizer",
        "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Prepend\", \"prepend\": \"_\"}]}",
        "normalizer \"Prepend\"")]
    [InlineData("normalizer", "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" +\"}, \"content\": \" \"}", "normalizer Replace")]
    [InlineData("normalizer", "{\"type\": \"Replace\", \"pattern\": {\"String\": \"\"}, \"content\": \" \"}", "normalizer Replace")]
    [InlineData("normalizer", "{\"type\": \"Replace\", \"pattern\": {\"String\": \"x\"}}", "normalizer Replace has no content")]
    [InlineData("normalizer", "{\"type\": \"Replace\", \"pattern\": \"x\", \"content\": \"\"}", "pattern is")]
    [InlineData("normalizer", "{}", "normalizer has no type")]
    [InlineData("pre_tokenizer", "null", "pre_tokenizer is missing")]
    [InlineData("pre_tokenizer", "{\"type\": \"Metaspace\"}", "pre_tokenizer \"Metaspace\"")]
    [InlineData("pre_tokenizer.add_prefix_space", "true", "pre_tokenizer.add_prefix_space \"true\"")]
    [InlineData("pre_tokenizer.use_regex", "false", "pre_tokenizer.use_regex")]
    [InlineData("pre_tokenizer", "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Digits\"}, {\"type\": \"ByteLevel\"}]}",
        "pre_tokenizer \"Digits\"")]
    [InlineData("pre_tokenizer", "{\"type\": \"Sequence\", \"pretokenizers\": []}", "a sequence of 0")]
    [InlineData(
        "pre_tokenizer",
        "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[a-z]+\"}, \"behavior\": "
        + "\"Isolated\"}, {\"type\": \"ByteLevel\", \"use_regex\": false}]}",
        "pre_tokenizer.pattern \"[a-z]+\"")]
    [InlineData(
        "pre_tokenizer",
        "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"String\": \" \"}, \"behavior\": "
        + "\"Removed\"}, {\"type\": \"ByteLevel\", \"use_regex\": false}]}",
        "pre_tokenizer.behavior \"Removed\"")]
    [InlineData("post_processor", "{\"type\": \"BertProcessing\"}", "post_processor \"BertProcessing\"")]
    [InlineData(
        "post_processor",
        "{\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\": \"A\"}}, {\"SpecialToken\": {\"id\": \"</s>\"}}]}",
        "post_processor.single")]
    [InlineData("post_processor", "{\"type\": \"TemplateProcessing\", \"single\": []}", "no place for the text")]
    [InlineData("decoder", "{\"type\": \"WordPiece\"}", "decoder \"WordPiece\"")]
    [InlineData("added_tokens", "[{\"id\": 300, \"content\": \"<s>\", \"lstrip\": 1}]", "lstrip is")]
    [InlineData("added_tokens", "[{\"id\": 300, \"content\": \"ab\"}]", "\"ab\" has id 300, but 256 in the vocabulary")]
    [InlineData("added_tokens", "[{\"id\": 300, \"content\": \"\"}]", "added token 300 is empty")]
    [InlineData("added_tokens", "[{\"content\": \"<s>\"}]", "added token 0 lacks an id or content")]
    [InlineData("added_tokens", "[{\"id\": 1, \"content\": \"<s>\"}]", "share id 1")]
    [InlineData("added_tokens", "[{\"id\": 300, \"content\": \"<s>\"}, {\"id\": 301, \"content\": \"<s>\"}]",
        "added token \"<s>\" is listed twice")]
    [InlineData("added_tokens", "[{\"id\": 1000000000, \"content\": \"<s>\"}]", "has id 1000000000")]
    [InlineData("added_tokens", "{}", "added_tokens is {}; expected an array")]
    public void A_feature_that_is_not_supported_is_named(string path, string value, string complaint)
    {
        var json = SmallTokenizer.Json();
        var names = path.Split('.');
        JsonNode parent = json;
        foreach (var name in names[..^1]) parent = parent[name]!;
        parent[names[^1]] = JsonNode.Parse(value);
        var message = Assert.Throws<BtxException>(() => SmallTokenizer.Read(json)).Message;
        Assert.Contains(complaint, message);
        Assert.StartsWith("tokenizer.json: ", message);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("{\"bos_token\": \"<none>\"}", "bos_token \"<none>\" is not in the vocabulary")]
    [InlineData("{\"eos_token\": \"<none>\"}", "eos_token \"<none>\" is not in the vocabulary")]
    [InlineData("{\"add_bos_token\": true}", "no bos_token")]
    [InlineData("{\"add_eos_token\": true}", "add_eos_token \"true\" is not supported")]
    [InlineData("{\"add_bos_token\": 1}", "expected true or false")]
    [InlineData("{\"added_tokens_decoder\": {\"301\": {\"content\": \"<s>\"}}}", "\"<s>\" has id 301, but 300 elsewhere")]
    [InlineData("{\"added_tokens_decoder\": {\"5\": {\"content\": \"<new>\"}}}", "share id 5")]
    [InlineData("{\"added_tokens_decoder\": {\"x\": {\"content\": \"<s>\"}}}", "\"x\" is no id with a content")]
    [InlineData("{\"added_tokens_decoder\": {\"300\": \"<s>\"}}", "\"300\" is no id with a content")]
    [InlineData("{", "not valid JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{\"bos_token\": \"\\ud800\"}", "not valid Unicode")]
    public void A_configuration_that_does_not_fit_is_refused(string config, string complaint) =>
        Assert.Contains(complaint, Assert.Throws<BtxException>(() => SmallTokenizer.Read(SmallTokenizer.Json(), config)).Message);

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("[1]", "not a JSON object")]
    [InlineData("{\"model\": {\"vocab\": {\"a\": 0, \"a\": 1}}}", "token \"a\" is listed twice")]
    [InlineData("{\"model\": {\"vocab\": {\"\\ud800\": 0}}}", "not valid Unicode")]
    public void Text_that_is_no_tokenizer_is_refused(string json, string complaint) => Assert.Contains(
        complaint, Assert.Throws<BtxException>(() => TextTokenizer.Parse(Encoding.UTF8.GetBytes(json), null, "tokenizer.json")).Message);

    [Fact]
    public void A_vocabulary_without_all_bytes_is_refused()
    {
        var json = SmallTokenizer.Json();
        json["model"]!["vocab"]!.AsObject().Remove("Ċ");
        Assert.Contains("no token for byte 0x0A", Assert.Throws<BtxException>(() => SmallTokenizer.Read(json)).Message);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        using var directory = new TemporaryDirectory();
        Assert.Contains(Path.Combine(directory.Path, "tokenizer.json"),
            Assert.Throws<BtxException>(() => TextTokenizer.Load(directory.Path)).Message);
    }
}
