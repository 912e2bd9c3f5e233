using System.Text;

namespace Microsoft.ML.Tokenizers;

/// <summary>The printable stand-in of every byte: GPT-2's <c>bytes_to_unicode</c>.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = Build();
    private static readonly Dictionary<char, byte> Bytes = Characters.Select((c, b) => (c, b)).ToDictionary(p => p.c, p => (byte)p.b);

    public static string FromText(ReadOnlySpan<char> text)
    {
        var bytes = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        var length = Encoding.UTF8.GetBytes(text, bytes);
        return string.Create(length, bytes, static (span, b) =>
        {
            for (var i = 0; i < span.Length; i++) span[i] = Characters[b[i]];
        });
    }

    public static string ToText(string text) =>
        Encoding.UTF8.GetString([.. text.Where(Bytes.ContainsKey).Select(c => Bytes[c])]);

    private static char[] Build()
    {
        var characters = new char[256];
        var next = 256;
        for (var b = 0; b < 256; b++)
            characters[b] = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)b : (char)next++;
        return characters;
    }
}
