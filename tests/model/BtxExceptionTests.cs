namespace Btx.Model.Tests;

/// <summary>What a message quotes from outside stays one bounded line that a terminal shows and does not obey.</summary>
public sealed class BtxExceptionTests
{
    [Theory]
    [InlineData("a\r\nb\tc\0d\u001b[31m\u0085", @"a\r\nb\tc\u0000d\u001b[31m\u0085")]
    [InlineData("left\u202eright\u2028line\u200b", @"left\u202eright\u2028line\u200b")]
    [InlineData("plain: Grüße 日本", "plain: Grüße 日本")]
    public void What_a_terminal_would_obey_is_escaped(string text, string expected)
    {
        Assert.Equal(expected, BtxException.OneLine(text));
        Assert.Equal(expected, new BtxException(text).Message);
        Assert.Equal(expected, BtxException.OneLine(expected));
    }

    [Theory]
    [InlineData("/data/experts/law/model.safetensors: is cut", "model.safetensors: is cut")]
    [InlineData("/data/my experts/law: not found", "law: not found")]
    [InlineData("the forest /a/b; serve \"/c/d e/f\" apart", "the forest b; serve \"f\" apart")]
    [InlineData("/nowhere, and 3 of 4 / 5 and/or http://x/y", "nowhere, and 3 of 4 / 5 and/or http://x/y")]
    public void Of_a_path_its_last_name_is_left(string message, string expected) =>
        Assert.Equal(expected, BtxException.WithoutDirectories(message));

    // An attribute's text is UTF-8, where half a surrogate pair cannot stand.
    [Fact]
    public void Half_a_surrogate_pair_is_escaped() =>
        Assert.Equal(@"half \ud83d and \ude00 of 😀", BtxException.OneLine("half \ud83d and \ude00 of 😀"));

    [Fact]
    public void Quotes_and_messages_are_cut_at_whole_characters()
    {
        Assert.Equal(new string('a', 300) + "…", BtxException.OneLine(new string('a', 3_000_000)));
        Assert.Equal(new string('a', 300), BtxException.OneLine(new string('a', 300)));
        Assert.Equal("aaa…", BtxException.OneLine("aaa😀", 4));
        Assert.Equal("aaa😀", BtxException.OneLine("aaa😀", 5));
        Assert.Equal(BtxException.MaxMessage + 1, new BtxException(new string('a', 100_000)).Message.Length);
    }
}
