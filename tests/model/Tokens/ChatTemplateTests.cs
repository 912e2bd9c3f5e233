using Btx.Model.Tokens;

namespace Btx.Model.Tests.Tokens;

/// <summary>The chat template of a tokenizer's files, and its special tokens apart from those that a client spells out.</summary>
public sealed class ChatTemplateTests
{
    private const char Divider = '\uF8F0';

    [Theory]
    [InlineData("{}", null)]
    [InlineData("""{"chat_template": null}""", null)]
    [InlineData("""{"chat_template": "{{ a }}"}""", "{{ a }}")]
    [InlineData("""{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}""", "d")]
    [InlineData("""{"chat_template": [{"name": "rag", "template": "r"}]}""", null)]
    public void It_is_read_from_the_configuration(string config, string? template) =>
        Assert.Equal(template, SmallTokenizer.Read(SmallTokenizer.Json(), config).ChatTemplate);

    [Fact]
    public void A_file_of_its_own_counts_first_and_goes_along()
    {
        using var from = new TemporaryDirectory();
        using var saved = new TemporaryDirectory();
        using var copied = new TemporaryDirectory();
        SmallTokenizer.Read(SmallTokenizer.Json(), """{"chat_template": "of the configuration"}""").Save(from.Path);
        Assert.Equal("of the configuration", TextTokenizer.Load(from.Path).ChatTemplate);
        File.WriteAllText(Path.Combine(from.Path, "chat_template.jinja"), "of the file");
        var tokenizer = TextTokenizer.Load(from.Path);
        tokenizer.Save(saved.Path);
        TokenizerFiles.Copy(from.Path, copied.Path);
        foreach (var read in new[] { tokenizer, TextTokenizer.Load(saved.Path), TextTokenizer.Load(copied.Path) })
            Assert.Equal("of the file", read.ChatTemplate);
        Assert.Equal(SmallTokenizer.Read(SmallTokenizer.Json()).Hash, tokenizer.Hash); // no part of what text becomes
    }

    [Theory]
    [InlineData("")]
    [InlineData("<s>")]
    [InlineData("a</s></s>b<s")]
    [InlineData("<<s>s><s>s></")]
    [InlineData("ab<s>ab c</s>")]
    public void What_is_parted_is_encoded_as_text_and_what_is_around_it_as_tokens(string client)
    {
        var tokenizer = SmallTokenizer.Read(SmallTokenizer.Json());
        var ids = tokenizer.EncodeParted($"<s>ab{tokenizer.Part(client, Divider)}s></s>", Divider);
        Assert.Equal([300, .. tokenizer.Encode($"ab{client}s>"), 301], ids);
    }

    [Fact]
    public void Special_tokens_that_overlap_and_nest_are_all_parted()
    {
        var json = SmallTokenizer.Json();
        foreach (var (i, content) in new[] { "aa", "<s>>", "<<" }.Index())
        {
            json["added_tokens"]!.AsArray().Add(json["added_tokens"]![0]!.DeepClone());
            var added = json["added_tokens"]!.AsArray()[^1]!;
            (added["id"], added["content"]) = (302 + i, content);
        }

        var tokenizer = SmallTokenizer.Read(json);
        const string Client = "aaaaa<s>>>>><<<<<s>>a";
        var ids = tokenizer.EncodeParted(tokenizer.Part(Client, Divider) + "aa", Divider);
        Assert.Equal([302], ids.Where(tokenizer.IsSpecial));
        Assert.Equal(Client, tokenizer.Decode(ids));
    }
}
