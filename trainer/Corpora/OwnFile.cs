using System.Text;
using Btx.Trainer.Corpora.Extraction;

namespace Btx.Trainer.Corpora;

/// <summary>How a file of the user's own holds text.</summary>
public enum TextFormat
{
    /// <summary>Not at all, as far as its name tells.</summary>
    None,

    /// <summary>A document as it stands: prose, Markdown, source code.</summary>
    Plain,

    /// <summary>A file without an ending, such as README or GPL-2.0: plain if its bytes are text.</summary>
    Unnamed,

    /// <summary>A page, of which the running text is taken.</summary>
    Html,

    /// <summary>A document a line, as JSON.</summary>
    Lines,
}

/// <summary>A file of the user's own: its format goes by the ending of its name, in any case; <c>.gz</c> behind it is unpacked.</summary>
/// <param name="Id">Path relative to the folder, '/' between the parts.</param>
public sealed record OwnFile(string Id, string Path)
{
    /// <summary>Most bytes of a file that is one document.</summary>
    public const long MostTextBytes = 256L << 20;

    private static readonly HashSet<string> Plain =
    [
        ".txt", ".text", ".md", ".markdown", ".rst", ".adoc", ".asciidoc", ".org", ".tex", ".textile", ".wiki", ".srt", ".vtt",
        ".py", ".pyi", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".cs", ".fs", ".vb", ".java", ".kt", ".scala", ".go", ".rs",
        ".swift", ".rb", ".pl", ".pm", ".php", ".lua", ".r", ".jl", ".hs", ".ml", ".mli", ".clj", ".lisp", ".el", ".scm", ".ex", ".exs",
        ".erl", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".css", ".sh", ".bash", ".sql", ".v", ".lean",
    ];

    public bool IsPacked => Id.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);

    public TextFormat Format => System.IO.Path.GetExtension(IsPacked ? Id[..^3] : Id).ToLowerInvariant() switch
    {
        ".jsonl" or ".ndjson" => TextFormat.Lines,
        ".html" or ".htm" or ".xhtml" => TextFormat.Html,
        var ending when ending.AsSpan().Trim('.').ContainsAnyExceptInRange('0', '9') is false => TextFormat.Unnamed, // README, and GPL-2.0
        var ending => Plain.Contains(ending) ? TextFormat.Plain : TextFormat.None,
    };

    /// <summary>The text of a file that is one document; null for one without an ending whose bytes are no text.</summary>
    /// <exception cref="InvalidDataException">Too large, damaged, or not in UTF-8 nor in UTF-16 with a byte-order mark.</exception>
    public string? Text()
    {
        using var file = new UnpackedFile(Path, IsPacked);
        using var bytes = new MemoryStream();
        var buffer = new byte[1 << 16];
        for (int read; (read = file.Read(buffer)) > 0;)
        {
            if (Format == TextFormat.Unnamed && buffer.AsSpan(0, read).Contains((byte)0)) return null;
            if (bytes.Length + read > MostTextBytes)
                throw new InvalidDataException(
                    $"more than {MostTextBytes >> 20} MiB in one document; divide it, or give a document a line as .jsonl");
            bytes.Write(buffer, 0, read);
        }

        try
        {
            var text = Decode(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
            return Format == TextFormat.Html ? HtmlText.Convert(text) : text;
        }
        catch (InvalidDataException) when (Format == TextFormat.Unnamed)
        {
            return null;
        }
    }

    private static string Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return bytes switch
            {
                [0xFF, 0xFE, .. var little] => new UnicodeEncoding(bigEndian: false, false, throwOnInvalidBytes: true).GetString(little),
                [0xFE, 0xFF, .. var big] => new UnicodeEncoding(bigEndian: true, false, throwOnInvalidBytes: true).GetString(big),
                _ => new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes),
            };
        }
        catch (DecoderFallbackException e)
        {
            var line = 1 + bytes[..Math.Clamp(e.Index, 0, bytes.Length)].Count((byte)'\n');
            throw new InvalidDataException($"line {line} is not valid UTF-8; convert the file (iconv -t UTF-8)", e);
        }
    }
}
