using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace Btx.Standins.Tests.Tokenizers;

/// <summary>What the genuine package does, and its stand-in as well.</summary>
public sealed class BpeTokenizerTests
{
    private static readonly Dictionary<string, int> Vocabulary = new()
    {
        ["a"] = 0, ["b"] = 1, ["c"] = 2, ["d"] = 3, ["ab"] = 4, ["bc"] = 5, ["abc"] = 6, ["aa"] = 7, ["aaaa"] = 8, ["Ġ"] = 9, ["Ġa"] = 10, ["Ã"] = 11, ["©"] = 12, ["Ã©"] = 13,
    };

    private static readonly string[] Merges = ["b c", "a b", "a bc", "a a", "aa aa", "Ġ a", "Ã ©"];

    [Theory]
    [InlineData("abc", new[] { 6 })] // b c first, for its rank is better than that of a b
    [InlineData("ab", new[] { 4 })]
    [InlineData("abd", new[] { 4, 3 })]
    [InlineData("abcbc", new[] { 6, 5 })]
    [InlineData("aaa", new[] { 7, 0 })] // from the left
    [InlineData("aaaaa", new[] { 8, 0 })]
    [InlineData("aab", new[] { 0, 4 })]
    [InlineData("dcba", new[] { 3, 2, 1, 0 })]
    [InlineData("", new int[0])]
    public void The_pair_of_best_rank_merges_first_and_from_the_left(string text, int[] ids)
    {
        var tokenizer = Create();
        Assert.Equal(ids, tokenizer.EncodeToIds(text, considerPreTokenization: false, considerNormalization: false));
        Assert.Equal(ids, tokenizer.EncodeToIds(text.AsSpan(), considerPreTokenization: false, considerNormalization: false));
        Assert.Equal(ids.Length, tokenizer.CountTokens(text, considerPreTokenization: false));
        Assert.Equal(text, tokenizer.Decode(ids));
    }

    [Fact]
    public void Pieces_are_merged_on_their_own()
    {
        Assert.Equal([0, 5], Create().EncodeToIds("a bc"));
        Assert.Equal([10, 5], Create(o => o.PreTokenizer = new RegexPreTokenizer(new Regex("Ġ?a|[b-d]+"), null)).EncodeToIds("Ġabc"));
    }

    [Fact]
    public void Byte_level_text_is_merged_as_bytes_and_decoded_as_text()
    {
        var tokenizer = Create(o => o.ByteLevel = true);
        var ids = tokenizer.EncodeToIds("é a", considerPreTokenization: false);
        Assert.Equal([13, 10], ids);
        Assert.Equal("é a", tokenizer.Decode(ids));
    }

    [Fact]
    public void Long_pieces_and_repeats_give_the_same_ids()
    {
        var tokenizer = Create();
        var text = string.Concat(Enumerable.Repeat("abc", 300));
        Assert.Equal(Enumerable.Repeat(6, 300), tokenizer.EncodeToIds(text, considerPreTokenization: false));
        Assert.Equal(tokenizer.EncodeToIds("abcd", considerPreTokenization: false), tokenizer.EncodeToIds("abcd", considerPreTokenization: false));
    }

    [Fact]
    public void The_vocabulary_can_be_read_back() => Assert.Equal(6, Create().Vocabulary["abc"]);

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.Throws<ArgumentNullException>(() => new BpeOptions((IEnumerable<KeyValuePair<string, int>>)null!));
        Assert.Throws<InvalidOperationException>(() => BpeTokenizer.Create(new BpeOptions(new Dictionary<string, int>())));
        Assert.Throws<InvalidOperationException>(() => Create(o => o.Merges = ["a x"]));
        Assert.Throws<InvalidOperationException>(() => Create(o => o.Merges = ["a d"]));
        Assert.Throws<InvalidOperationException>(() => Create(o => o.Merges = ["ab"]));
        Assert.Throws<InvalidOperationException>(() => Create(o => o.Merges = ["a b c"]));
        Assert.Throws<ArgumentException>(() => Create(o => o.Merges = ["a b", "a b"]));
        Assert.Throws<ArgumentException>(() => BpeTokenizer.Create(new BpeOptions([new("a", 0), new("a", 1)])));
        Assert.Throws<ArgumentException>(() => BpeTokenizer.Create(new BpeOptions([new("a", 0), new("b", 0)])));
    }

    private static BpeTokenizer Create(Action<BpeOptions>? change = null)
    {
        var options = new BpeOptions(Vocabulary) { Merges = Merges };
        change?.Invoke(options);
        return BpeTokenizer.Create(options);
    }
}
