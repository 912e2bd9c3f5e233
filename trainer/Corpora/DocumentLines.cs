using System.Text;
using System.Text.Json;
using Btx.Model;

namespace Btx.Trainer.Corpora;

/// <summary>JSON Lines of documents: one <c>{"id": "…", "text": "…"}</c> a line, UTF-8.</summary>
public static class DocumentLines
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads the documents of a file in order; blank lines are skipped.</summary>
    /// <param name="path">File to read.</param>
    /// <param name="id">Makes the id of a line (1-based number) that has none; null: every line must have one.</param>
    /// <exception cref="BtxException">The file cannot be read, or a line is not UTF-8, not a JSON object, or lacks a string "text"; names file and line.</exception>
    public static IEnumerable<CorpusDocument> Read(string path, Func<long, string>? id)
    {
        using var stream = Open(path);
        long number = 0;
        foreach (var line in Lines(stream, path))
        {
            number++;
            if (line.Span.Trim(" \t\r"u8).IsEmpty) continue;
            yield return Parse(line, path, number, id);
        }
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"cannot read {path}: {e.Message}", e);
        }
    }

    /// <summary>The lines' bytes without their '\n'; each is valid until the next is asked for.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> Lines(FileStream stream, string path)
    {
        var buffer = new byte[1 << 16];
        int start = 0, end = 0, searched = 0;
        while (true)
        {
            var newline = buffer.AsSpan(searched, end - searched).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                yield return buffer.AsMemory(start, searched + newline - start);
                start = searched = searched + newline + 1;
                continue;
            }

            if (start > 0) buffer.AsSpan(start, end - start).CopyTo(buffer);
            end -= start;
            start = 0;
            searched = end;
            if (end == buffer.Length)
            {
                if (buffer.Length >= 1 << 30) throw new BtxException($"{path}: a line is longer than 1 GiB; split it into documents");
                Array.Resize(ref buffer, buffer.Length * 2);
            }

            var read = stream.Read(buffer, end, buffer.Length - end);
            if (read == 0) break;
            end += read;
        }

        if (end > start) yield return buffer.AsMemory(start, end - start);
    }

    private static CorpusDocument Parse(ReadOnlyMemory<byte> line, string path, long number, Func<long, string>? makeId)
    {
        try
        {
            if (number == 1 && line.Span.StartsWith("\uFEFF"u8)) line = line[3..];
            _ = Strict.GetCharCount(line.Span);
            using var json = JsonDocument.Parse(line);
            if (json.RootElement.ValueKind != JsonValueKind.Object) throw new BtxException($"{path}: line {number}: not a JSON object; expected {{\"text\": \"…\"}}");
            if (!json.RootElement.TryGetProperty("text", out var text) || text.ValueKind != JsonValueKind.String)
                throw new BtxException($"{path}: line {number}: no string \"text\"; expected {{\"text\": \"…\"}}");
            var id = json.RootElement.TryGetProperty("id", out var property) && property.ValueKind is JsonValueKind.String or JsonValueKind.Number
                ? property.ToString()
                : makeId?.Invoke(number) ?? throw new BtxException($"{path}: line {number}: no string \"id\"");
            return new CorpusDocument(id, text.GetString()!);
        }
        catch (DecoderFallbackException e)
        {
            throw new BtxException($"{path}: line {number}: not valid UTF-8; convert the file (iconv -t UTF-8)", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BtxException($"{path}: line {number}: not valid JSON: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
