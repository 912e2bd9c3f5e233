using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.Tests.Sweeps;

public sealed class TextPiecesTests
{
    [Theory]
    [InlineData("one two three four", 9)]
    [InlineData("onelongwordwithoutanyblank", 5)]
    [InlineData("a\nb\nc d e f g", 3)]
    [InlineData("🌲🌳🌴🌵", 3)]
    [InlineData("x", 100)]
    [InlineData("", 4)]
    public void Pieces_make_the_document_again_and_are_short_enough(string document, int characters)
    {
        string[] pieces = [.. TextPieces.Pieces(document, characters)];
        Assert.Equal(document, string.Concat(pieces));
        Assert.All(pieces, p => Assert.InRange(p.Length, 1, characters));
        Assert.All(pieces, p => Assert.False(char.IsLowSurrogate(p[0]) || char.IsHighSurrogate(p[^1])));
    }

    [Fact]
    public void A_piece_ends_before_a_blank() => Assert.Equal(["one two", " three", " four"], TextPieces.Pieces("one two three four", 9));

    [Fact]
    public void Some_are_evenly_spread() => Assert.Equal([0, 3, 6], TextPieces.Spread([.. Enumerable.Range(0, 10)], 3));
}
