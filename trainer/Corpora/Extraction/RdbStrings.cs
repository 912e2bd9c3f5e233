using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Btx.Model;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>
/// Character vectors of an R package's lazy-load database (<c>Rdata.rdb</c>): blocks of a 4-byte big-endian length and a zlib
/// stream, each an R object serialised in XDR form (R Internals, "Serialization Formats").
/// </summary>
public static class RdbStrings
{
    private const int CharacterVector = 16;
    private const int CharacterString = 9;
    private const int MaximumBlock = 256 << 20;

    /// <summary>The strings of every block that is a character vector; missing values read as empty.</summary>
    /// <exception cref="BtxException">The file is not such a database.</exception>
    public static IReadOnlyList<IReadOnlyList<string>> Read(ReadOnlyMemory<byte> file, string source)
    {
        var vectors = new List<IReadOnlyList<string>>();
        var at = 0;
        try
        {
            while (at < file.Length)
            {
                var length = BinaryPrimitives.ReadInt32BigEndian(file.Span[at..]);
                if (length is < 0 or > MaximumBlock) throw new InvalidDataException($"block length {length}");
                var block = Inflate(file[(at + 4)..], length, out var consumed);
                at += 4 + consumed;
                if (Vector(block) is { } vector) vectors.Add(vector);
            }
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentOutOfRangeException or EndOfStreamException
            or DecoderFallbackException)
        {
            throw new BtxException($"{source}: not an R lazy-load database (at byte {at}: {e.Message.ReplaceLineEndings(" ")})", e);
        }

        return vectors;
    }

    /// <summary>Inflates one zlib stream and finds its length: the stream ends with the Adler-32 of the
    /// data, which is searched for after it.</summary>
    private static byte[] Inflate(ReadOnlyMemory<byte> compressed, int length, out int consumed)
    {
        var data = new byte[length];
        using (var zlib = new ZLibStream(new MemoryStream(compressed.ToArray()), CompressionMode.Decompress)) zlib.ReadExactly(data);
        var checksum = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(checksum, Adler32(data));
        var end = compressed.Span[2..].IndexOf(checksum);
        if (end < 0) throw new InvalidDataException("checksum not found");
        consumed = 2 + end + 4;
        return data;
    }

    private static uint Adler32(ReadOnlySpan<byte> data)
    {
        uint a = 1, b = 0;
        foreach (var value in data)
        {
            a = (a + value) % 65521;
            b = (b + a) % 65521;
        }

        return (b << 16) | a;
    }

    private static List<string>? Vector(ReadOnlySpan<byte> block)
    {
        if (!block.StartsWith("X\n"u8)) throw new InvalidDataException("not XDR");
        var version = Int(block, 2);
        var at = 2 + 12;
        if (version == 3) at += 4 + Count(block, at, 1);
        if ((Int(block, at) & 0xFF) != CharacterVector) return null;
        var count = Count(block, at + 4, 8);
        at += 8;
        var strings = new List<string>(count);
        for (var i = 0; i < count; i++)
        {
            if ((Int(block, at) & 0xFF) != CharacterString) throw new InvalidDataException($"element {i} is no string");
            var length = Int(block, at + 4);
            at += 8;
            if (length < 0)
            {
                strings.Add("");
                continue;
            }

            strings.Add(Encoding.UTF8.GetString(block.Slice(at, length)));
            at += length;
        }

        return strings;
    }

    private static int Int(ReadOnlySpan<byte> block, int at) => BinaryPrimitives.ReadInt32BigEndian(block[at..]);

    /// <summary>A length field whose items of at least <paramref name="size"/> bytes must fit into what is left.</summary>
    private static int Count(ReadOnlySpan<byte> block, int at, int size)
    {
        var count = Int(block, at);
        return count >= 0 && (long)count * size <= block.Length - at ? count : throw new InvalidDataException($"count {count}");
    }
}
