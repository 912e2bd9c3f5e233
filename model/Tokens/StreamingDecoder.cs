using System.Buffers;
using System.Text;

namespace Btx.Model.Tokens;

/// <summary>
/// Turns ids into text as they come. A UTF-8 character is given out whole, with the token that completes it; the pieces put together are
/// what <see cref="TextTokenizer.Decode"/> gives for all the ids. For one stream, one thread at a time.
/// </summary>
public sealed class StreamingDecoder(TextTokenizer tokenizer, bool skipSpecial = true)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>The text that <paramref name="id"/> completes; empty while a character is unfinished.</summary>
    public string Push(int id) => skipSpecial && tokenizer.IsSpecial(id) ? "" : Decode(tokenizer.TokenBytes(id).Span, flush: false);

    /// <summary>What is left at the end of the stream: U+FFFD for an unfinished character, else nothing. The decoder can then be used again.</summary>
    public string Flush() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var most = Encoding.UTF8.GetMaxCharCount(bytes.Length + 4);
        var rented = most > 256 ? ArrayPool<char>.Shared.Rent(most) : null;
        var characters = rented ?? stackalloc char[256];
        var text = new string(characters[.._decoder.GetChars(bytes, characters, flush)]);
        if (rented is not null) ArrayPool<char>.Shared.Return(rented);
        return text;
    }
}
