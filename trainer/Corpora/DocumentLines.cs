using System.Text.Json;
using System.Text.Unicode;
using ICSharpCode.SharpZipLib;
using ICSharpCode.SharpZipLib.GZip;

namespace Btx.Trainer.Corpora;

/// <summary>A line of JSON Lines: a document, or what is wrong with it.</summary>
/// <param name="Number">Of the line, from 1.</param>
/// <param name="Id">Null where the line names none.</param>
/// <param name="Fault">Why it is no document, naming file and line; null: it is one.</param>
public sealed record DocumentLine(long Number, string? Id, string Text, string? Fault = null, Exception? Cause = null);

/// <summary>JSON Lines of documents: one <c>{"id": "…", "text": "…"}</c> a line, UTF-8.</summary>
public static class DocumentLines
{
    private const int LongestLine = 256 << 20;

    /// <summary>Reads the documents of a file in order; blank lines are skipped, and every line must have an id.</summary>
    /// <exception cref="BtxException">The file cannot be read, or a line is not UTF-8, not a JSON object, or lacks a string "text" or "id";
    /// names file and line.</exception>
    public static IEnumerable<CorpusDocument> Read(string path) => Lines(path, packed: false).Select(line =>
        line is { Fault: null, Id: { } id } ? new CorpusDocument(id, line.Text)
        : throw new BtxException(line.Fault ?? $"{path}:{line.Number}: no string \"id\"", line.Cause!));

    /// <summary>Every line that is not blank. A file that cannot be read to its end ends with a fault.</summary>
    /// <param name="packed">Whether it is gzip.</param>
    public static IEnumerable<DocumentLine> Lines(string path, bool packed)
    {
        using var file = new UnpackedFile(path, packed);
        using var line = new MemoryStream();
        var buffer = new byte[1 << 16];
        var (number, tooLong) = (0L, false);
        while (true)
        {
            var (read, failure) = Read();
            if (failure is not null)
            {
                yield return failure;
                yield break; // the line that the failure cut is no document
            }

            for (int at = 0, end; at < read; at = end + 1)
            {
                end = Array.IndexOf(buffer, (byte)'\n', at, read - at) is >= 0 and var newline ? newline : read;
                tooLong |= line.Length + end - at > LongestLine;
                if (!tooLong) line.Write(buffer, at, end - at);
                if (end < read && Take() is { } document) yield return document;
            }

            if (read > 0) continue;
            if ((line.Length > 0 || tooLong) && Take() is { } last) yield return last;
            yield break;
        }

        DocumentLine? Take()
        {
            number++;
            var found = tooLong ? new DocumentLine(number, null, "",
                    $"{path}:{number}: the line is longer than {LongestLine >> 20} MiB; divide it into documents")
                : Parse(line.GetBuffer().AsMemory(0, (int)line.Length), path, number);
            line.SetLength(0);
            tooLong = false;
            return found;
        }

        (int Bytes, DocumentLine? Failure) Read()
        {
            try
            {
                return (file.Read(buffer), null);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                return (0, new(number, null, "", $"cannot read {path}: {BtxException.OneLine(e.Message)}", e));
            }
        }
    }

    // Null: the line is blank.
    private static DocumentLine? Parse(ReadOnlyMemory<byte> line, string path, long number)
    {
        if (number == 1 && line.Span.StartsWith("\uFEFF"u8)) line = line[3..];
        if (line.Span.Trim(" \t\r"u8).IsEmpty) return null;
        if (!Utf8.IsValid(line.Span)) return Fault("not valid UTF-8; convert the file (iconv -t UTF-8)");
        try
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object) return Fault("not a JSON object; expected {\"text\": \"…\"}");
            if (!root.TryGetProperty("text", out var text) || text.ValueKind != JsonValueKind.String)
                return Fault("no string \"text\"; expected {\"text\": \"…\"}");
            var id = root.TryGetProperty("id", out var named) && named.ValueKind is JsonValueKind.String or JsonValueKind.Number
                ? named.ToString() : null;
            return new(number, id, text.GetString()!);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Fault($"not valid JSON: {BtxException.OneLine(e.Message)}", e);
        }

        DocumentLine Fault(string what, Exception? cause = null) => new(number, null, "", $"{path}:{number}: {what}", cause);
    }
}

/// <summary>The bytes of a file, unpacked if it is gzip; .NET's own reader takes for whole what was cut off.</summary>
internal sealed class UnpackedFile(string path, bool packed) : IDisposable
{
    /// <summary>Most bytes of a packed file once it is unpacked.</summary>
    private const long MostUnpackedBytes = 1L << 30;

    private Stream? content;
    private long unpacked;

    /// <exception cref="InvalidDataException">Damaged, cut off, or too large.</exception>
    public int Read(byte[] buffer)
    {
        try
        {
            content ??= Open();
            var read = content.Read(buffer, 0, buffer.Length);
            unpacked += read;
            return !packed || unpacked <= MostUnpackedBytes ? read
                : throw new InvalidDataException($"unpacks to more than {MostUnpackedBytes >> 30} GiB; unpack and divide it");
        }
        catch (Exception e) when (e is SharpZipBaseException or EndOfStreamException or IndexOutOfRangeException) // the last of bad codes
        {
            throw new InvalidDataException("is no gzip file, or is damaged or is cut off", e);
        }
    }

    public void Dispose() => content?.Dispose();

    private Stream Open()
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16,
            FileOptions.SequentialScan);
        return packed ? new GZipInputStream(file) : file;
    }
}
