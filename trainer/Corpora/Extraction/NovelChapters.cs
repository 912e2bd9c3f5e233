using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;
using ICSharpCode.SharpZipLib;
using ICSharpCode.SharpZipLib.Zip.Compression;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>Novels of the R package janeaustenr, one document a chapter.</summary>
public static partial class NovelChapters
{
    public static IEnumerable<CorpusDocument> Read(string rdb)
    {
        foreach (var lines in RdbStrings.Read(File.ReadAllBytes(rdb), rdb))
        {
            var title = lines.FirstOrDefault(l => !string.IsNullOrWhiteSpace(l)) ?? throw new BtxException($"{rdb}: a novel has no line");
            var name = NotWord.Replace(title.Trim().ToLowerInvariant(), "-");
            var chapters = ChapterHeading.Split(string.Join('\n', lines));
            for (var i = 0; i < chapters.Length; i++) yield return new CorpusDocument($"{name}/{i}", chapters[i]);
        }
    }

    [GeneratedRegex(@"\n(?=(?:CHAPTER|Chapter)\s+[IVXLC\d]+)")] private static partial Regex ChapterHeading { get; }
    [GeneratedRegex("[^a-z0-9]+")] private static partial Regex NotWord { get; }
}

/// <summary>Character vectors of an R package's lazy-load database (<c>Rdata.rdb</c>): blocks of a 4-byte big-endian length and a zlib
/// stream, each an R object serialised in XDR form (R Internals, "Serialization Formats").</summary>
public static class RdbStrings
{
    private const int CharacterVector = 16, CharacterString = 9, MaximumBlock = 256 << 20;

    /// <summary>The strings of every block that is a character vector; missing values read as empty.</summary>
    public static IReadOnlyList<IReadOnlyList<string>> Read(ReadOnlyMemory<byte> file, string source)
    {
        var vectors = new List<IReadOnlyList<string>>();
        var at = 0;
        try
        {
            while (at < file.Length)
            {
                var length = Int(file.Span, at);
                if (length is < 0 or > MaximumBlock) throw new InvalidDataException($"block length {length}");
                var block = Inflate(file[(at + 4)..], length, out var consumed);
                at += 4 + consumed;
                if (Vector(block) is { } vector) vectors.Add(vector);
            }
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentOutOfRangeException or IndexOutOfRangeException
            or SharpZipBaseException)
        {
            throw new BtxException($"{source}: not an R lazy-load database (at byte {at}: {e.Message.ReplaceLineEndings(" ")})", e);
        }

        return vectors;
    }

    private static byte[] Inflate(ReadOnlyMemory<byte> compressed, int length, out int consumed)
    {
        var (data, zlib) = (new byte[length], new Inflater());
        zlib.SetInput(compressed.ToArray());
        if (zlib.Inflate(data) < length || zlib.Inflate(new byte[1]) > 0 || !zlib.IsFinished)
            throw new InvalidDataException($"a block is not of {length} bytes");
        consumed = (int)zlib.TotalIn;
        return data;
    }

    private static string[]? Vector(ReadOnlySpan<byte> block)
    {
        if (!block.StartsWith("X\n"u8)) throw new InvalidDataException("not XDR");
        var at = 2 + 12;
        if (Int(block, 2) == 3) at += 4 + Count(block, at, 1); // version 3 names its encoding
        if ((Int(block, at) & 0xFF) != CharacterVector) return null;
        var strings = new string[Count(block, at + 4, 8)];
        at += 8;
        for (var i = 0; i < strings.Length; i++)
        {
            if ((Int(block, at) & 0xFF) != CharacterString) throw new InvalidDataException($"element {i} is no string");
            var length = Math.Max(0, Int(block, at + 4)); // -1: missing
            strings[i] = Encoding.UTF8.GetString(block.Slice(at + 8, length));
            at += 8 + length;
        }

        return strings;
    }

    private static int Int(ReadOnlySpan<byte> block, int at) => BinaryPrimitives.ReadInt32BigEndian(block[at..]);

    /// <summary>A length field whose items of at least <paramref name="size"/> bytes must fit into what is left.</summary>
    private static int Count(ReadOnlySpan<byte> block, int at, int size) =>
        Int(block, at) is >= 0 and var count && (long)count * size <= block.Length - at ? count
            : throw new InvalidDataException($"count {Int(block, at)}");
}
