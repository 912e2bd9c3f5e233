using System.IO.Compression;
using System.Text;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
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

    /// <summary>Every file that ends in, say, <c>.py</c>; ids are paths below the root. Links are not followed.</summary>
    /// <param name="skip">Matches the ids ('/' between parts) to leave out.</param>
    public static IEnumerable<CorpusDocument> Read(string root, string extension, Regex? skip = null) =>
        Paths(root, $"*{extension}").Where(f => skip is null || !skip.IsMatch(f.Id))
            .Select(f => new CorpusDocument(f.Id, TextCleaner.Decode(File.ReadAllBytes(f.Path))));

    /// <summary>Every file under <paramref name="root"/> that fits <paramref name="pattern"/>, in ordinal order of its id.</summary>
    /// <exception cref="BtxException">The folder is not there: the package has changed.</exception>
    public static IReadOnlyList<(string Id, string Path)> Paths(string root, string pattern)
    {
        if (!Directory.Exists(root)) throw new BtxException($"{root} is not there: the package is laid out in another way than expected");
        return [.. Directory.EnumerateFiles(root, pattern, Tree)
            .Select(p => (Id: Path.GetRelativePath(root, p).Replace('\\', '/'), Path: p)).OrderBy(f => f.Id, StringComparer.Ordinal)];
    }

    /// <summary>The content of a gzip file.</summary>
    public static byte[] Inflate(string path)
    {
        using var gzip = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var inflated = new MemoryStream();
        gzip.CopyTo(inflated);
        return inflated.ToArray();
    }
}

/// <summary>Texts of the Brown corpus, in which each word carries its part of speech: <c>The/at jury/nn said/vbd ./.</c></summary>
public static class TaggedWords
{
    /// <summary>Documents of the files of a folder whose names match.</summary>
    public static IEnumerable<CorpusDocument> Read(string root, Regex names) => SourceFiles.Paths(root, "*").Where(f => names.IsMatch(f.Id))
        .Select(f => new CorpusDocument(f.Id, Plain(File.ReadAllText(f.Path, Encoding.Latin1))));

    /// <summary>The words without tags, with quotation marks and punctuation set as in print, a sentence a line.</summary>
    public static string Plain(string tagged)
    {
        var text = new StringBuilder(tagged.Length / 2);
        foreach (var line in tagged.AsSpan().EnumerateLines())
        {
            var words = line.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 0) text.AppendJoin(' ', words.Select(w => w.LastIndexOf('/') is > 0 and var at ? w[..at] : w)).Append('\n');
        }

        text.Replace("`` ", "\"").Replace(" ''", "\"").Replace("( ", "(");
        foreach (var mark in ".,;:?!)") text.Replace($" {mark}", mark.ToString());
        return text.ToString();
    }
}

/// <summary>Licence texts of the SPDX list.</summary>
public static class SpdxLicences
{
    /// <summary>The <c>licenseText</c> of every entry of <c>spdx-full.json</c>, by identifier.</summary>
    public static IEnumerable<CorpusDocument> Read(string path)
    {
        var list = ManifestJson.Read<Dictionary<string, SpdxEntry>>(File.ReadAllBytes(path), path, "the SPDX licence list");
        return list.OrderBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => new CorpusDocument(entry.Key, entry.Value.LicenseText));
    }

    private sealed record SpdxEntry([property: JsonPropertyName("licenseText")] string LicenseText);
}
