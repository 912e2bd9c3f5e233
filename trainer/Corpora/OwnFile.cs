using System.IO.Compression;
using System.Text;
using Btx.Trainer.Corpora.Extraction;

namespace Btx.Trainer.Corpora;

/// <summary>A file of the user's own: its format goes by the ending of its name, in any case; <c>.gz</c> behind it is unpacked.</summary>
/// <param name="Id">Path relative to the folder, '/' between the parts.</param>
public sealed record OwnFile(string Id, string Path)
{
    /// <summary>Most bytes of a file that is one document, and of a packed file once it is unpacked.</summary>
    public const long MostTextBytes = 256L << 20, MostUnpackedBytes = 1L << 30;

    private const string Packed = ".gz";

    private static readonly HashSet<string> Plain = new(StringComparer.OrdinalIgnoreCase)
    {
        ".txt", ".text", ".md", ".markdown", ".rst", ".adoc", ".asciidoc", ".org", ".tex", ".textile", ".wiki", ".srt", ".vtt",
        ".py", ".pyi", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".cs", ".fs", ".vb", ".java", ".kt", ".scala", ".go", ".rs", ".swift", ".rb", ".pl", ".pm", ".php", ".lua",
        ".r", ".jl", ".hs", ".ml", ".mli", ".clj", ".lisp", ".el", ".scm", ".ex", ".exs", ".erl", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".css", ".sh", ".bash", ".sql", ".v", ".lean",
    };

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public bool IsPacked => Id.EndsWith(Packed, StringComparison.OrdinalIgnoreCase);

    public TextFormat Format => System.IO.Path.GetExtension(IsPacked ? Id[..^Packed.Length] : Id).ToLowerInvariant() switch
    {
        ".jsonl" or ".ndjson" => TextFormat.Lines,
        ".html" or ".htm" or ".xhtml" => TextFormat.Html,
        var ending when ending.AsSpan().Trim('.').ContainsAnyExceptInRange('0', '9') is false => TextFormat.Unnamed, // README, and GPL-2.0
        var ending => Plain.Contains(ending) ? TextFormat.Plain : TextFormat.None,
    };

    /// <summary>The bytes, unpacked.</summary>
    public Stream Open()
    {
        var file = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, FileOptions.SequentialScan);
        return IsPacked ? new UnpackedStream(file) : file;
    }

    /// <summary>The text of a file that is one document; null for one without an ending whose bytes are no text.</summary>
    /// <exception cref="InvalidDataException">Too large, damaged, or not in UTF-8 nor in UTF-16 with a byte-order mark.</exception>
    public string? Text()
    {
        using var stream = Open();
        using var bytes = new MemoryStream();
        var buffer = new byte[1 << 16];
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            if (Format == TextFormat.Unnamed && buffer.AsSpan(0, read).Contains((byte)0)) return null;
            if (bytes.Length + read > MostTextBytes) throw new InvalidDataException($"more than {MostTextBytes >> 20} MiB in one document; divide it, or give a document a line as .jsonl");
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
                [0xFF, 0xFE, .. var little] => new UnicodeEncoding(bigEndian: false, byteOrderMark: false, throwOnInvalidBytes: true).GetString(little),
                [0xFE, 0xFF, .. var big] => new UnicodeEncoding(bigEndian: true, byteOrderMark: false, throwOnInvalidBytes: true).GetString(big),
                _ => Strict.GetString(bytes),
            };
        }
        catch (DecoderFallbackException e)
        {
            var line = 1 + bytes[..Math.Clamp(e.Index, 0, bytes.Length)].Count((byte)'\n');
            throw new InvalidDataException($"line {line} is not valid UTF-8; convert the file (iconv -t UTF-8)", e);
        }
    }
}
