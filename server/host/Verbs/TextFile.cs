namespace Btx.Server.Verbs;

/// <summary>Text that an option or an argument names.</summary>
internal static class TextFile
{
    private const int LeastPart = 200; // bytes: too few tell nothing about a text

    /// <param name="option">For messages.</param>
    /// <param name="path"><c>-</c>: standard input.</param>
    /// <exception cref="BtxException">The file cannot be read or is not UTF-8.</exception>
    public static string Read(string option, string path)
    {
        try
        {
            var bytes = path == "-" ? StandardInput() : File.ReadAllBytes(path);
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{option} {path}: cannot be read ({e.Message})", e);
        }
        catch (DecoderFallbackException e)
        {
            throw new BtxException($"{option} {path}: byte {e.Index} is not valid UTF-8; convert the file to UTF-8 first", e);
        }
    }

    /// <summary>The documents of a .jsonl file as a corpus has them, or the whole of another file.</summary>
    /// <param name="sample">Bytes of a .jsonl file in all, about: an equal part from the middle of each document; null: everything.</param>
    /// <exception cref="BtxException">As above, or a line is no JSON object with a string <c>text</c>.</exception>
    public static IReadOnlyList<string> Documents(string option, string path, int? sample)
    {
        var text = Read(option, path);
        if (!path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase)) return [text];
        var documents = text.Split('\n').Select((line, i) => (line, i)).Where(l => !string.IsNullOrWhiteSpace(l.line))
            .Select(l => Document(l.line, $"{option} {path}:{l.i + 1}")).ToList();
        if (documents.Count == 0) throw new BtxException($"{option} {path}: holds no document");
        if (sample is not { } bytes) return documents;
        var each = Math.Max(LeastPart, bytes / documents.Count);
        return [.. documents.Take(Math.Max(1, bytes / each)).Select(document => Middle(document, each))];
    }

    private static string Document(string line, string where)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            if (json.RootElement is { ValueKind: JsonValueKind.Object } document && document.TryGetProperty("text", out var text)
                && text.ValueKind == JsonValueKind.String)
                return text.GetString()!;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BtxException($"{where}: not valid JSON ({BtxException.OneLine(e.Message)})", e);
        }

        throw new BtxException($"{where}: expected an object with a string \"text\"");
    }

    // Whole characters.
    private static string Middle(string document, int bytes)
    {
        var utf8 = Encoding.UTF8.GetBytes(document);
        if (utf8.Length <= bytes) return document;
        var start = (utf8.Length - bytes) / 2;
        var end = start + bytes;
        while (IsContinuation(utf8[start])) start++;
        while (end > start && IsContinuation(utf8[end])) end--;
        return Encoding.UTF8.GetString(utf8, start, end - start);
    }

    private static bool IsContinuation(byte b) => (b & 0xc0) == 0x80;

    /// <exception cref="BtxException">The program was started without one.</exception>
    public static byte[] StandardInput()
    {
        Terminal.StandardInput.Demand();
        using var input = Console.OpenStandardInput();
        using var bytes = new MemoryStream();
        input.CopyTo(bytes);
        return bytes.ToArray();
    }
}
