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
    /// <param name="packed">Whether the file is gzip.</param>
    /// <param name="id">Called for every document with the number of its line, from 1; its answer is the id of one that has none.
    /// Null: every line must have one.</param>
    /// <param name="problem">Receives messages that name file and line.</param>
    public static IEnumerable<CorpusDocument> Read(string path, bool packed, Func<long, string>? id, Action<string, Exception?> problem)
    {
        long number = 0;
        foreach (var line in Lines(path, packed, problem))
        {
            number++;
            CorpusDocument? document = null;
            if (line is null) problem($"{path}:{number}: the line is longer than {LongestLine >> 20} MiB; divide it into documents", null);
            else if (line.Value.Span.Trim(" \t\r"u8).IsEmpty) continue;
            else document = Parse(line.Value, $"{path}:{number}", number, id, problem);
            if (document is not null) yield return document;
        }
    }

    private static UnpackedFile? Open(string path, bool packed, Action<string, Exception?> problem)
    {
        try
        {
            return new UnpackedFile(path, packed);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problem($"cannot read {path}: {BtxException.OneLine(e.Message)}", e);
            return null;
        }
    }

    /// <summary>The lines' bytes without their '\n', each valid until the next is asked for; null for one that is too long.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>?> Lines(string path, bool packed, Action<string, Exception?> problem)
    {
        using var file = Open(path, packed, problem);
        var buffer = new byte[1 << 16];
        int start = 0, end = 0, searched = 0;
        var tooLong = false;
        while (file is not null)
        {
            var newline = buffer.AsSpan(searched, end - searched).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                yield return tooLong ? null : buffer.AsMemory(start, searched + newline - start);
                tooLong = false;
                start = searched = searched + newline + 1;
                continue;
            }

            if (tooLong) start = end;
            if (start > 0) buffer.AsSpan(start, end - start).CopyTo(buffer);
            end -= start;
            start = 0;
            searched = end;
            if (end == buffer.Length)
            {
                if (buffer.Length >= LongestLine) (tooLong, end, searched) = (true, 0, 0);
                else Array.Resize(ref buffer, buffer.Length * 2);
            }

            int read;
            try
            {
                read = file.Read(buffer.AsSpan(end));
            }
            catch (Exception e) when (e is IOException or InvalidDataException)
            {
                problem($"cannot read {path}: {BtxException.OneLine(e.Message)}", e);
                yield break; // the line that the failure cut is no document
            }

            if (read == 0) break;
            end += read;
        }

        if (tooLong) yield return null;
        else if (end > start) yield return buffer.AsMemory(start, end - start);
    }

    private static CorpusDocument? Parse(ReadOnlyMemory<byte> line, string place, long number, Func<long, string>? makeId,
        Action<string, Exception?> problem)
    {
        var made = makeId?.Invoke(number);
        if (number == 1 && line.Span.StartsWith("\uFEFF"u8)) line = line[3..];
        if (!Utf8.IsValid(line.Span))
        {
            problem($"{place}: not valid UTF-8; convert the file (iconv -t UTF-8)", null);
            return null;
        }

        try
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                problem($"{place}: not a JSON object; expected {{\"text\": \"…\"}}", null);
            }
            else if (!root.TryGetProperty("text", out var text) || text.ValueKind != JsonValueKind.String)
            {
                problem($"{place}: no string \"text\"; expected {{\"text\": \"…\"}}", null);
            }
            else
            {
                var named = root.TryGetProperty("id", out var id) && id.ValueKind is JsonValueKind.String or JsonValueKind.Number;
                if (named || made is not null) return new CorpusDocument(named ? id.ToString() : made!, text.GetString()!);
                problem($"{place}: no string \"id\"", null);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            problem($"{place}: not valid JSON: {BtxException.OneLine(e.Message)}", e);
        }

        return null;
    }
}

/// <summary>
/// The bytes of a file, unpacked if it is gzip. There, .NET's own reader takes for whole what was cut off, and unpacks a bomb without end.
/// </summary>
internal sealed class UnpackedFile : IDisposable
{
    /// <summary>Most bytes of a packed file once it is unpacked.</summary>
    private const long MostUnpackedBytes = 1L << 30;

    private readonly Stream content;
    private readonly bool packed;
    private readonly uint lastLength;
    private long unpacked;

    public UnpackedFile(string path, bool packed)
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16,
            FileOptions.SequentialScan);
        this.packed = packed;
        content = packed ? new GZipStream(file, CompressionMode.Decompress) : file;
        if (!packed || file.Length < 18) return;
        // The file ends with the length of its last member, modulo 2^32.
        Span<byte> end = stackalloc byte[4];
        file.Seek(-4, SeekOrigin.End);
        file.ReadExactly(end);
        file.Position = 0;
        lastLength = BinaryPrimitives.ReadUInt32LittleEndian(end);
    }

    /// <returns>How many bytes were read; 0 at the end.</returns>
    /// <exception cref="InvalidDataException">Damaged, cut off, or too large.</exception>
    public int Read(Span<byte> buffer)
    {
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

    public void Dispose() => content.Dispose();
}
