namespace Btx.Model.Tests.Tokens;

/// <summary>What is published about real vocabularies.</summary>
public sealed class VocabularyTests
{
    [Theory]
    [InlineData("gpt2", 15496, 995)]
    [InlineData("llama3", 9906, 1917)]
    [InlineData("qwen3", 9707, 1879)]
    public void Hello_world(string model, int hello, int world) =>
    Assert.Equal([hello, world], Vocabularies.Named(model).Encode("Hello world"));

    [Fact]
    public void Special_tokens_are_text_unless_allowed()
    {
        var llama3 = Vocabularies.Llama3;
        Assert.Equal([128009], llama3.Encode("<|eot_id|>", allowSpecial: true));
        var ids = llama3.Encode("<|eot_id|>");
        Assert.DoesNotContain(ids, llama3.IsSpecial);
        Assert.Equal("<|eot_id|>", llama3.Decode(ids));
        Assert.Equal("", llama3.Decode([128009]));
        Assert.Equal([50256], Vocabularies.Gpt2.Encode("<|endoftext|>", allowSpecial: true));
        // Added but not special: always matched, and part of the text.
        var qwen3 = Vocabularies.Qwen3;
        Assert.Equal([151667], qwen3.Encode("<think>"));
        Assert.Equal("<think>", qwen3.Decode([151667]));
        Assert.DoesNotContain(151645, qwen3.Encode("<|im_end|>"));
    }

    [Fact]
    public void Sizes_and_document_tokens_are_those_published()
    {
        Assert.Equal((50257, (int?)50256, (int?)50256), (Vocabularies.Gpt2.VocabSize, Vocabularies.Gpt2.BosId, Vocabularies.Gpt2.EosId));
        Assert.Equal((128256, (int?)128000, (int?)128001),
            (Vocabularies.Llama3.VocabSize, Vocabularies.Llama3.BosId, Vocabularies.Llama3.EosId));
        Assert.Equal((151669, (int?)null, (int?)151645),
            (Vocabularies.Qwen3.VocabSize, Vocabularies.Qwen3.BosId, Vocabularies.Qwen3.EosId));
    }
}
