using System.Text;
using System.Text.Json;
using Btx.Model;

namespace Btx.Trainer.Corpora;

/// <summary>JSON Lines of documents: one <c>{"id": "…", "text": "…"}</c> a line, UTF-8.</summary>
public static class DocumentLines
{
    private const int LongestLine = 256 << 20;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads the documents of a file in order; blank lines are skipped, and every line must have an id.</summary>
    /// <exception cref="BtxException">The file cannot be read, or a line is not UTF-8, not a JSON object, or lacks a
    /// string "text"; names file and line.</exception>
    public static IEnumerable<CorpusDocument> Read(string path) => Read(
        () => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan),
        path, null, (message, cause) => throw new BtxException(message, cause!));

    /// <summary>Reads documents; hands what is none to <paramref name="problem"/> and goes on.</summary>
    /// <param name="path">Named in messages.</param>
    /// <param name="id">Called for every document with the number of its line, from 1; its answer is the id of one that has none.
    /// Null: every line must have one.</param>
    /// <param name="problem">Receives messages that name file and line.</param>
    public static IEnumerable<CorpusDocument> Read(Func<Stream> open, string path, Func<long, string>? id, Action<string, Exception?> problem)
    {
        long number = 0;
        foreach (var line in Lines(open, path, problem))
        {
            number++;
            CorpusDocument? document = null;
            if (line is null) problem($"{path}:{number}: the line is longer than {LongestLine >> 20} MiB; divide it into documents", null);
            else if (line.Value.Span.Trim(" \t\r"u8).IsEmpty) continue;
            else document = Parse(line.Value, $"{path}:{number}", number, id, problem);
            if (document is not null) yield return document;
        }
    }

    private static Stream? Open(Func<Stream> open, string path, Action<string, Exception?> problem)
    {
        try
        {
            return open();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problem($"cannot read {path}: {BtxException.OneLine(e.Message)}", e);
            return null;
        }
    }

    /// <summary>The lines' bytes without their '\n', each valid until the next is asked for; null for one that is too long.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>?> Lines(Func<Stream> open, string path, Action<string, Exception?> problem)
    {
        using var stream = Open(open, path, problem);
        var buffer = new byte[1 << 16];
        int start = 0, end = 0, searched = 0;
        var tooLong = false;
        while (stream is not null)
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
                read = stream.Read(buffer, end, buffer.Length - end);
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

    private static CorpusDocument? Parse(
        ReadOnlyMemory<byte> line, string place, long number, Func<long, string>? makeId, Action<string, Exception?> problem)
    {
        var made = makeId?.Invoke(number);
        try
        {
            if (number == 1 && line.Span.StartsWith("\uFEFF"u8)) line = line[3..];
            _ = Strict.GetCharCount(line.Span);
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
                var named = root.TryGetProperty("id", out var property)
                    && property.ValueKind is JsonValueKind.String or JsonValueKind.Number;
                if (named || made is not null) return new CorpusDocument(named ? property.ToString() : made!, text.GetString()!);
                problem($"{place}: no string \"id\"", null);
            }
        }
        catch (DecoderFallbackException e)
        {
            problem($"{place}: not valid UTF-8; convert the file (iconv -t UTF-8)", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            problem($"{place}: not valid JSON: {BtxException.OneLine(e.Message)}", e);
        }

        return null;
    }
}
