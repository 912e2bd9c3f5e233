using System.Security.Cryptography;
using System.Text;
using Btx.Trainer.Corpora.Extraction;

namespace Btx.Trainer.Corpora;

/// <summary>A user's own folder as documents: every file whose name says that it is text (see <see cref="OwnFile"/>), at any depth, and
/// every line of JSON Lines with a "text" and optionally an "id". What is left out is noted.</summary>
public sealed class OwnFolder
{
    /// <summary>Raised whenever the reading gives other documents or other splits than before.</summary>
    public const int Version = 2;

    private const string Unreadable = "files or folders that cannot be read, left out";
    private readonly string folder;
    private readonly string? except;
    private readonly CorpusNotes notes;
    private readonly List<OwnFile> files = [];

    /// <summary>Walks the folder; links are not followed.</summary>
    /// <param name="except">A folder in it that is not read: the corpus that is being made.</param>
    /// <exception cref="BtxException">No such folder, or no file of text in it.</exception>
    public OwnFolder(string folder, CorpusNotes notes, string? except = null)
    {
        (this.folder, this.notes, this.except) = (Path.GetFullPath(folder), notes, except);
        if (!Directory.Exists(folder)) throw new BtxException($"folder {folder} is not there; --domain takes NAME=FOLDER");
        Walk(new DirectoryInfo(this.folder));
        files.Sort((a, b) => string.CompareOrdinal(a.Id, b.Id));
        if (files.Count > 0) return;
        var found = notes.All.Count == 0 ? "" : $"; it has {string.Join(", ", notes.All)}";
        throw new BtxException($"folder {folder} has no file of text (.txt, .md, .rst, .html, .jsonl, source code, these as .gz){found}");
    }

    /// <summary>The files to read, in ordinal order of their ids.</summary>
    public IReadOnlyList<OwnFile> Files => files;

    /// <summary>SHA-256 over names and contents of the files and over what was left out: changes when any of them does.</summary>
    public string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var note in notes.All) hash.AppendData(Encoding.UTF8.GetBytes(note + "\n"));
        foreach (var file in files)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(file.Id + "\n"));
            try
            {
                using var stream = File.OpenRead(file.Path);
                hash.AppendData(SHA256.HashData(stream));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                continue; // the reading says so
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Reads the documents; ids are <c>FILE</c>, <c>FILE:LINE</c> or what the line says, and unique.</summary>
    /// <exception cref="BtxException">The notes are strict, and something cannot be read as text; names file and line.</exception>
    public IEnumerable<CorpusDocument> Read()
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            foreach (var (document, place) in file.Format == TextFormat.Lines ? Lines(file) : Whole(file))
            {
                var id = ids.Add(document.Id) ? document.Id : ids.Add(place) ? place : null;
                if (id is null)
                    notes.Problem("documents with an id that stands already, left out",
                        $"{place}: id \"{BtxException.OneLine(document.Id)}\" stands already; ids must be unique in a domain");
                else if (id != document.Id)
                    notes.Add("ids that stand twice, their documents named by file and line", $"{place}: {document.Id}");
                if (id is not null) yield return document with { Id = id };
            }
        }
    }

    private IEnumerable<(CorpusDocument Document, string Place)> Lines(OwnFile file)
    {
        foreach (var line in DocumentLines.Lines(file.Path, file.IsPacked))
        {
            var place = $"{file.Id}:{line.Number}";
            if (line.Fault is null) yield return (new CorpusDocument(line.Id ?? place, line.Text), place);
            else notes.Problem("lines that are no documents, left out", line.Fault, line.Cause);
        }
    }

    private IEnumerable<(CorpusDocument Document, string Place)> Whole(OwnFile file)
    {
        string? text;
        try
        {
            text = file.Text();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            notes.Problem(e is InvalidDataException ? "files that are not text as their names say, left out" : Unreadable,
                $"{file.Path}: {BtxException.OneLine(e.Message)}", e);
            yield break;
        }

        if (text is null) notes.Add("files of no known text format, left out", file.Id);
        else yield return (new CorpusDocument(file.Id, text), file.Id);
    }

    private void Walk(DirectoryInfo directory)
    {
        FileSystemInfo[] entries;
        try
        {
            entries = directory.GetFileSystemInfos("*", new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = false });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            notes.Problem(Unreadable, $"{directory.FullName}: {BtxException.OneLine(e.Message)}", e);
            return;
        }

        foreach (var entry in entries.OrderBy(e => e.Name, StringComparer.Ordinal))
        {
            var file = new OwnFile(Path.GetRelativePath(folder, entry.FullName).Replace('\\', '/'), entry.FullName);
            if (entry.Attributes.HasFlag(FileAttributes.ReparsePoint)) notes.Add("links, which are not followed", file.Id);
            else if (entry is DirectoryInfo below)
            {
                if (below.FullName == except) notes.Add("corpus that is being made here, left out", file.Id);
                else Walk(below);
            }
            else if (file.Format == TextFormat.None) notes.Add("files of no known text format, left out", file.Id);
            // who opens a pipe waits for a writer, for ever
            else if (entry is FileInfo { Length: 0 }) notes.Add("empty files (or pipes or devices), left out", file.Id);
            else files.Add(file);
        }
    }
}

/// <summary>How a file of the user's own holds text.</summary>
public enum TextFormat
{
    None,    // not at all, as far as its name tells
    Plain,   // a document as it stands: prose, Markdown, source code
    Unnamed, // a file without an ending, such as README or GPL-2.0: plain if its bytes are text
    Html,    // a page, of which the running text is taken
    Lines,   // a document a line, as JSON
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
                throw new InvalidDataException($"more than {MostTextBytes >> 20} MiB in one document; divide it, or write it as .jsonl");
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
