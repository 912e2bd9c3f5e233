using System.Buffers;
using System.Text;

namespace Btx.Model.Tokens;

/// <summary>Turns ids into text as they come. A UTF-8 character is given out whole, with the token that completes it; the pieces put
/// together are what <see cref="TextTokenizer.Decode"/> gives for all the ids. For one stream, one thread at a time.</summary>
public sealed class StreamingDecoder(TextTokenizer tokenizer, bool skipSpecial = true)
{
    // The start of a character whose end has not come yet, then the newest token's bytes.
    private byte[] _bytes = new byte[64];
    private int _unfinished;

    /// <summary>The text that <paramref name="id"/> completes; empty while a character is unfinished.</summary>
    public string Push(int id)
    {
        if (skipSpecial && tokenizer.IsSpecial(id)) return "";
        var token = tokenizer.TokenBytes(id).Span;
        var length = _unfinished + token.Length;
        if (length > _bytes.Length) Array.Resize(ref _bytes, length * 2);
        token.CopyTo(_bytes.AsSpan(_unfinished));
        var bytes = _bytes.AsSpan(0, length);
        _unfinished = UnfinishedLength(bytes);
        var text = Encoding.UTF8.GetString(bytes[..^_unfinished]);
        bytes[^_unfinished..].CopyTo(_bytes);
        return text;
    }

    /// <summary>
    /// Whether <paramref name="id"/> shows that the character before it stays unfinished: <see cref="Push"/> then gives U+FFFD for it
    /// first.
    /// </summary>
    public bool IsBrokenBy(int id)
    {
        if (_unfinished == 0 || (skipSpecial && tokenizer.IsSpecial(id)) || tokenizer.TokenBytes(id).IsEmpty) return false;
        ReadOnlySpan<byte> next = [.. _bytes.AsSpan(0, _unfinished), tokenizer.TokenBytes(id).Span[0]];
        return Rune.DecodeFromUtf8(next, out _, out var length) == OperationStatus.InvalidData && length == _unfinished;
    }

    /// <summary>What is left at the end of the stream: U+FFFD for an unfinished character, else nothing. The decoder can then be used
    /// again.</summary>
    public string Flush()
    {
        var text = Encoding.UTF8.GetString(_bytes.AsSpan(0, _unfinished));
        _unfinished = 0;
        return text;
    }

    // How many bytes at the end begin a character that more bytes could complete: 0 to 3.
    private static int UnfinishedLength(ReadOnlySpan<byte> bytes)
    {
        for (var length = 1; length <= Math.Min(3, bytes.Length); length++)
            if (Rune.DecodeFromUtf8(bytes[^length..], out _, out _) == OperationStatus.NeedMoreData) return length;

        return 0;
    }
}
