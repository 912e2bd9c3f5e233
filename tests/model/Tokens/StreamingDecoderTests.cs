using System.Text;
using Btx.Model.Tokens;

namespace Btx.Model.Tests.Tokens;

public sealed class StreamingDecoderTests
{
    [Fact]
    public void A_character_comes_with_the_token_that_completes_it()
    {
        var tokenizer = BpeTrainer.Train(["x"], 257, ["<|endoftext|>"]);
        var ids = tokenizer.Encode("a€😀b");
        Assert.Equal(9, ids.Length);
        var decoder = new StreamingDecoder(tokenizer);
        Assert.Equal(["a", "", "", "€", "", "", "", "😀", "b"], ids.Select(decoder.Push));
        Assert.Equal("", decoder.Flush());
    }

    [Fact]
    public void An_unfinished_character_becomes_the_replacement_at_the_end_and_the_decoder_starts_afresh()
    {
        var tokenizer = BpeTrainer.Train(["x"], 257, ["<|endoftext|>"]);
        var decoder = new StreamingDecoder(tokenizer);
        Assert.Equal("", decoder.Push(tokenizer.Encode("€")[0]));
        Assert.Equal("\ufffd", decoder.Flush());
        Assert.Equal("ok", string.Concat(tokenizer.Encode("ok").Select(decoder.Push)));
    }

    [Fact]
    public void Special_tokens_are_left_out_unless_asked_for()
    {
        var tokenizer = BpeTrainer.Train(["x"], 257, ["<|endoftext|>"]);
        var ids = tokenizer.Encode("a<|endoftext|>b", allowSpecial: true);
        Assert.Equal("ab", string.Concat(ids.Select(new StreamingDecoder(tokenizer).Push)));
        Assert.Equal("a<|endoftext|>b", string.Concat(ids.Select(new StreamingDecoder(tokenizer, skipSpecial: false).Push)));
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    [InlineData("qwen3")]
    public void Pieces_add_up_to_the_whole_and_never_hold_half_a_character(string name)
    {
        var tokenizer = Vocabularies.Named(name);
        var random = new Random(13);
        for (var round = 0; round < 400; round++)
        {
            // Random ids, so that most byte sequences are ill-formed; some ids have no token.
            var ids = Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(-2, tokenizer.VocabSize + 2)).ToArray();
            var decoder = new StreamingDecoder(tokenizer);
            var pieces = ids.Select(decoder.Push).ToList();
            pieces.Add(decoder.Flush());
            Assert.Equal(tokenizer.Decode(ids), string.Concat(pieces));
            Assert.All(pieces, piece => Assert.Equal(piece, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(piece))));
        }
    }
}
