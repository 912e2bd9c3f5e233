using System.Text;
using System.Text.RegularExpressions;
using Btx.Model.Tokens;

namespace Btx.Model.Tests.Tokens;

/// <summary>The hand-written matcher against .NET's regular expressions, given the published expressions.</summary>
public sealed class PreTokenScannerTests
{
    private static readonly string[] Pieces =
    [
        " ", " ", "  ", "\n", "\r", "\r\n", "\t", "\u00a0", "\u3000", "\u0085", "\u2028", "'", "'s", "'T", "'re", "'VE", "'ll",
            "'lL", "'d", "'x",
        "a", "B", "word", "Ä", "ß", "日本", "한", "ا", "1", "23", "4567", "½", "Ⅷ", "٣", ".", "!?", "(", "_", "-", "\u0301",
            "\u200d", "☃", "€",
    ];

    [Theory]
    [InlineData(SplitPattern.Gpt2, SplitPatterns.Gpt2)]
    [InlineData(SplitPattern.Llama3, SplitPatterns.Llama3)]
    [InlineData(SplitPattern.Qwen, SplitPatterns.Qwen)]
    public void Cuts_as_the_published_expression_does(SplitPattern pattern, string expression)
    {
        var regex = new Regex(expression, RegexOptions.CultureInvariant);
        var random = new Random(7);
        for (var round = 0; round < 5000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 20)).Select(_ => Pieces[random.Next(Pieces.Length)]));
            Assert.Equal(regex.Matches(text).Select(m => m.Value),
                Cut(Encoding.UTF8.GetBytes(text), pattern).Select(Encoding.UTF8.GetString));
        }
    }

    [Theory]
    [InlineData(SplitPattern.Gpt2)]
    [InlineData(SplitPattern.Llama3)]
    [InlineData(SplitPattern.Qwen)]
    public void Any_bytes_are_cut_into_pieces_that_add_up(SplitPattern pattern)
    {
        var random = new Random(8);
        for (var round = 0; round < 2000; round++)
        {
            var bytes = new byte[random.Next(1, 60)];
            random.NextBytes(bytes);
            var pieces = Cut(bytes, pattern);
            Assert.DoesNotContain(pieces, piece => piece.Length == 0);
            Assert.Equal(bytes, pieces.SelectMany(piece => piece));
        }
    }

    [Fact]
    public void A_byte_that_is_no_text_is_a_symbol()
    {
        Assert.Equal<byte[]>([[(byte)'a'], [0xFF, 0xC3], " b"u8.ToArray()], Cut([(byte)'a', 0xFF, 0xC3, .. " b"u8], SplitPattern.Gpt2));
    }

    [Fact]
    public void The_long_s_is_an_s_where_case_is_ignored()
    {
        Assert.Equal(["it", "'ſ", "x"], Cut(Encoding.UTF8.GetBytes("it'ſx"), SplitPattern.Llama3).Select(Encoding.UTF8.GetString));
        Assert.Equal(["it", "'", "ſx"], Cut(Encoding.UTF8.GetBytes("it'ſx"), SplitPattern.Gpt2).Select(Encoding.UTF8.GetString));
    }

    [Fact]
    public void Letters_and_digits_beyond_the_basic_plane_count_as_such()
    {
        Assert.Equal(["𝔘𝔫x", "𝟙𝟚𝟛", "𝟜"],
            Cut(Encoding.UTF8.GetBytes("𝔘𝔫x𝟙𝟚𝟛𝟜"), SplitPattern.Llama3).Select(Encoding.UTF8.GetString));
    }

    private static List<byte[]> Cut(byte[] text, SplitPattern pattern)
    {
        var pieces = new List<byte[]>();
        var scanner = new PreTokenScanner(text, pattern);
        for (int at = 0, end; at < text.Length; at = end)
        {
            end = scanner.End(at);
            pieces.Add(text[at..end]);
        }

        return pieces;
    }
}
