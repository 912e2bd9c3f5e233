using System.Security.Cryptography;
using System.Text;
using Btx.Model;

namespace Btx.Trainer.Corpora;

/// <summary>
/// A user's own folder as documents: every file whose name says that it is text (see <see cref="OwnFile"/>), at any depth, and every
/// line of JSON Lines with a "text" and optionally an "id". What is left out is noted.
/// </summary>
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
        throw new BtxException($"folder {folder} has no file of text (.txt, .md, .rst, .html, .jsonl, source code, or these as "
            + $".gz){Found()}");
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
                if (ids.Add(document.Id)) yield return document;
                else if (ids.Add(place))
                {
                    notes.Add("ids that stand twice, their documents named by file and line", $"{place}: {document.Id}");
                    yield return document with { Id = place };
                }
                else
                    notes.Problem("documents with an id that stands already, left out",
                    $"{place}: id \"{BtxException.OneLine(document.Id)}\" stands already; ids must be unique in a domain");
            }
        }
    }

    private IEnumerable<(CorpusDocument Document, string Place)> Lines(OwnFile file)
    {
        long number = 0;
        foreach (var document in DocumentLines.Read(file.Open, file.Path, at => $"{file.Id}:{number = at}", Problem))
            yield return (document, $"{file.Id}:{number}");
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

    private void Problem(string message, Exception? cause) => notes.Problem("lines that are no documents, left out", message, cause);

    private void Walk(DirectoryInfo directory)
    {
        FileSystemInfo[] entries;
        try
        {
            entries = [.. directory.EnumerateFileSystemInfos("*",
                new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = false })];
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

    private string Found() => notes.All.Count == 0 ? "" : $"; it has {string.Join(", ", notes.All)}";
}
