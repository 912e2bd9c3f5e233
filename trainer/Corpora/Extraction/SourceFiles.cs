using System.Text.RegularExpressions;
using Btx.Model;
using Btx.Trainer.Corpora.Cleaning;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>Files of a folder tree, one document each.</summary>
public static class SourceFiles
{
    private static readonly EnumerationOptions Tree = new()
    {
        RecurseSubdirectories = true,
        AttributesToSkip = FileAttributes.ReparsePoint,
        IgnoreInaccessible = false,
        MatchType = MatchType.Simple,
        MatchCasing = MatchCasing.CaseSensitive,
    };

    /// <summary>Documents of every file whose name ends in <paramref name="extension"/>; ids are paths
    /// relative to <paramref name="root"/>.</summary>
    /// <param name="root">Folder to walk; links are not followed.</param>
    /// <param name="extension">With its dot, such as <c>.py</c>.</param>
    /// <param name="skip">Matches the ids ('/' between parts) to leave out.</param>
    public static IEnumerable<CorpusDocument> Read(string root, string extension, Regex? skip = null) =>
        Paths(root, $"*{extension}")
            .Where(f => skip is null || !skip.IsMatch(f.Id))
            .Select(f => new CorpusDocument(f.Id, TextCleaner.Decode(File.ReadAllBytes(f.Path))));

    /// <summary>Every file under <paramref name="root"/> that fits <paramref name="pattern"/>, in ordinal order of its id.</summary>
    /// <exception cref="BtxException">The folder is not there: the package has changed.</exception>
    public static IReadOnlyList<(string Id, string Path)> Paths(string root, string pattern)
    {
        if (!Directory.Exists(root)) throw new BtxException($"{root} is not there: the package is laid out in another way than expected");
        return [.. Directory.EnumerateFiles(root, pattern, Tree)
            .Select(p => (Id: Path.GetRelativePath(root, p).Replace('\\', '/'), Path: p))
            .OrderBy(f => f.Id, StringComparer.Ordinal)];
    }
}
