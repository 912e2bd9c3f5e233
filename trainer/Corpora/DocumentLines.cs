using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Unicode;

namespace Btx.Trainer.Corpora;

/// <summary>JSON Lines of documents: one <c>{"id": "…", "text": "…"}</c> a line, UTF-8.</summary>
public static class DocumentLines
{
    private const int LongestLine = 256 << 20;

    /// <summary>Reads the documents of a file in order; blank lines are skipped, and every line must have an id.</summary>
    /// <exception cref="BtxException">The file cannot be read, or a line is not UTF-8, not a JSON object, or lacks a
    /// string "text"; names file and line.</exception>
    public static IEnumerable<CorpusDocument> Read(string path) =>
        Read(path, false, null, (message, cause) => throw new BtxException(message, cause!));

    /// <summary>Reads documents; hands what is none to <paramref name="problem"/> and goes on.</summary>
    /// <param name="id">Called for every document with the number of its line, from 1; its answer is the id of one that has none.
    /// Null: every line must have one.</param>
    /// <param name="problem">Receives messages that name file and line.</param>
    public static IEnumerable<CorpusDocument> Read(string path, bool packed, Func<long, string>? id, Action<string, Exception?> problem)
    {
        long number = 0;
        foreach (var line in Lines(path, packed, problem))
        {
            number++;
            if (line is null) problem($"{path}:{number}: the line is longer than {LongestLine >> 20} MiB; divide it into documents", null);
            else if (line.Value.Span.Trim(" \t\r"u8).IsEmpty) continue;
            else if (Parse(line.Value, $"{path}:{number}", number, id, problem) is { } document) yield return document;
        }
    }

    /// <summary>The lines' bytes without their '\n', each valid until the next is asked for; null for one that is too long.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>?> Lines(string path, bool packed, Action<string, Exception?> problem)
    {
        using var file = new UnpackedFile(path, packed);
        using var line = new MemoryStream();
        var buffer = new byte[1 << 16];
        var tooLong = false;
        for (int read; (read = Read()) != 0;)
        {
            if (read < 0) yield break; // the line that the failure cut is no document
            for (int at = 0, end; at < read; at = end + 1)
            {
                end = Array.IndexOf(buffer, (byte)'\n', at, read - at) is >= 0 and var newline ? newline : read;
                tooLong |= line.Length + end - at > LongestLine;
                if (!tooLong) line.Write(buffer, at, end - at);
                if (end == read) continue;
                yield return tooLong ? null : line.GetBuffer().AsMemory(0, (int)line.Length);
                line.SetLength(0);
                tooLong = false;
            }
        }

        if (line.Length > 0 || tooLong) yield return tooLong ? null : line.GetBuffer().AsMemory(0, (int)line.Length);

        int Read()
        {
            try
            {
                return file.Read(buffer);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                problem($"cannot read {path}: {BtxException.OneLine(e.Message)}", e);
                return -1;
            }
        }
    }

    private static CorpusDocument? Parse(ReadOnlyMemory<byte> line, string place, long number, Func<long, string>? makeId,
        Action<string, Exception?> problem)
    {
        var made = makeId?.Invoke(number);
        if (number == 1 && line.Span.StartsWith("\uFEFF"u8)) line = line[3..];
        var (fault, cause) = ("not valid UTF-8; convert the file (iconv -t UTF-8)", (Exception?)null);
        try
        {
            if (Utf8.IsValid(line.Span))
            {
                using var json = JsonDocument.Parse(line);
                var root = json.RootElement;
                var isObject = root.ValueKind == JsonValueKind.Object;
                var id = isObject && root.TryGetProperty("id", out var named)
                    && named.ValueKind is JsonValueKind.String or JsonValueKind.Number ? named.ToString() : made;
                if (!isObject) fault = "not a JSON object; expected {\"text\": \"…\"}";
                else if (!root.TryGetProperty("text", out var text) || text.ValueKind != JsonValueKind.String)
                    fault = "no string \"text\"; expected {\"text\": \"…\"}";
                else if (id is null) fault = "no string \"id\"";
                else return new CorpusDocument(id, text.GetString()!);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            (fault, cause) = ($"not valid JSON: {BtxException.OneLine(e.Message)}", e);
        }

        problem($"{place}: {fault}", cause);
        return null;
    }
}

/// <summary>The bytes of a file, unpacked if it is gzip. There, .NET's own reader takes for whole what was cut off, and unpacks a bomb
/// without end.</summary>
internal sealed class UnpackedFile(string path, bool packed) : IDisposable
{
    /// <summary>Most bytes of a packed file once it is unpacked.</summary>
    private const long MostUnpackedBytes = 1L << 30;

    private Stream? content;
    private uint lastLength;
    private long unpacked;

    /// <exception cref="InvalidDataException">Damaged, cut off, or too large.</exception>
    public int Read(Span<byte> buffer)
    {
        content ??= Open();
        int read;
        try
        {
            read = content.Read(buffer);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException("is no gzip file, or a damaged one", e);
        }

        unpacked += read;
        if (packed && unpacked > MostUnpackedBytes)
            throw new InvalidDataException($"unpacks to more than {MostUnpackedBytes >> 30} GiB; unpack and divide it");
        if (read == 0 && lastLength > unpacked) throw new InvalidDataException("is cut off: its end says that there is more");
        return read;
    }

    public void Dispose() => content?.Dispose();

    private Stream Open()
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16,
            FileOptions.SequentialScan);
        if (!packed) return file;
        if (file.Length >= 18)
        {
            // The file ends with the length of its last member, modulo 2^32.
            Span<byte> end = stackalloc byte[4];
            file.Seek(-4, SeekOrigin.End);
            file.ReadExactly(end);
            file.Position = 0;
            lastLength = BinaryPrimitives.ReadUInt32LittleEndian(end);
        }

        return new GZipStream(file, CompressionMode.Decompress);
    }
}
