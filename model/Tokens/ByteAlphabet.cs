namespace Btx.Model.Tokens;

/// <summary>The printable character that stands for each byte in byte-level vocabularies (GPT-2's <c>bytes_to_unicode</c>): printable
/// Latin-1 stands for itself, the other 68 bytes take U+0100 onwards, so that a space is 'Ġ' and a line feed 'Ċ'.</summary>
internal static class ByteAlphabet
{
    private const int Limit = 256 + 68;
    private static readonly char[] Characters = BuildCharacters();
    private static readonly short[] Bytes = BuildBytes();

    public static char Character(byte value) => Characters[value];

    /// <summary>Writes the characters of <paramref name="bytes"/> to <paramref name="destination"/> (at least as long).</summary>
    public static void ToCharacters(ReadOnlySpan<byte> bytes, Span<char> destination)
    {
        for (var i = 0; i < bytes.Length; i++) destination[i] = Characters[bytes[i]];
    }

    /// <summary>The bytes a token stands for, or null where a character is no member of the alphabet (then the token is plain
    /// text).</summary>
    public static byte[]? ToBytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
        {
            if (token[i] >= Limit || Bytes[token[i]] < 0) return null;
            bytes[i] = (byte)Bytes[token[i]];
        }

        return bytes;
    }

    private static char[] BuildCharacters()
    {
        var characters = new char[256];
        var next = 256;
        for (var b = 0; b < 256; b++)
            characters[b] = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)b : (char)next++;
        return characters;
    }

    private static short[] BuildBytes()
    {
        var bytes = new short[Limit];
        Array.Fill(bytes, (short)-1);
        for (var b = 0; b < 256; b++) bytes[Characters[b]] = (short)b;
        return bytes;
    }
}
