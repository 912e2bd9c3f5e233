using System.Buffers;
using System.Text;
using Btx.Model.Tokens;
using Btx.Server.Requests;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Requests;

/// <summary>Where tokens begin in the text, in characters.</summary>
public sealed class TokenOffsetsTests
{
    private static readonly TextTokenizer Tokenizer = RunningServer.SomeTokenizer;

    [Fact]
    public void Every_token_begins_at_the_character_of_its_first_byte()
    {
        var random = new Random(5);
        for (var round = 0; round < 3000; round++)
        {
            // Well-formed pieces, their parts and bytes that are no text.
            byte[][] pieces = [.. new[] { "Grüße", "😀", " the", "日", "\ufffd" }.Select(Encoding.UTF8.GetBytes), [0xff], [0xf0, 0x9f],
                [0xe2], [0x80], [0xf0]];
            byte[] bytes = [.. Enumerable.Range(0, random.Next(1, 6)).SelectMany(_ => pieces[random.Next(pieces.Length)])];
            int[] ids = [.. Tokenizer.Encode(bytes).SelectMany(id => random.Next(8) == 0 ? new[] { Tokenizer.EosId ?? 0, id } : [id])];
            var offsets = new TokenOffsets(Tokenizer);
            int[] begins = [.. ids.Select(offsets.Push)];
            Assert.All(Expected(ids).Zip(begins, ids), one => Assert.True(Tokenizer.IsSpecial(one.Third)
                || one.First == one.Second, $"{string.Join(' ', begins)} of {Convert.ToHexString(bytes)}"));
        }
    }

    [Theory]
    [InlineData("Grüße 😀 für", " für", 7)]
    [InlineData("Grüße 😀 für", "für", 8)]
    public void Characters_are_counted_as_python_counts_them(string text, string part, int expected)
    {
        var (before, rest) = (Tokenizer.Encode(text[..^part.Length]), Tokenizer.Encode(part));
        var offsets = new TokenOffsets(Tokenizer);
        foreach (var id in before) offsets.Push(id);
        Assert.Equal(expected, offsets.Push(rest[0]));
    }

    // By the whole text at once: the number of characters that end at or before the token's first byte.
    private static int[] Expected(int[] ids)
    {
        byte[] Bytes(int id) => Tokenizer.IsSpecial(id) ? [] : Tokenizer.TokenBytes(id).ToArray();
        byte[] all = [.. ids.SelectMany(Bytes)];
        var ends = new List<int>();
        for (var at = 0; at < all.Length; at += ends.Count == 0 ? 0 : ends[^1] - at)
        {
            _ = Rune.DecodeFromUtf8(all.AsSpan(at), out _, out var used) == OperationStatus.Done;
            ends.Add(at + used);
        }

        var (expected, begin) = (new List<int>(), 0);
        foreach (var id in ids)
        {
            expected.Add(ends.Count(end => end <= begin));
            begin += Bytes(id).Length;
        }

        return [.. expected];
    }
}
