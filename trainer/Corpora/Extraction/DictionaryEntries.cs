using System.IO.Compression;
using System.Text.RegularExpressions;
using Btx.Trainer.Corpora.Cleaning;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>A dictd dictionary (<c>.dict.dz</c>, which is gzip), consecutive entries to a document.</summary>
public static partial class DictionaryEntries
{
    private const int PassageCharacters = 4000;

    public static IEnumerable<CorpusDocument> Read(string path)
    {
        using var file = File.OpenRead(path);
        using var gzip = new GZipStream(file, CompressionMode.Decompress);
        using var inflated = new MemoryStream();
        gzip.CopyTo(inflated);
        return Split(TextCleaner.Decode(inflated.ToArray()), Path.GetFileName(path));
    }

    /// <summary>Entries begin in the first column after an empty line; what belongs to them is indented.</summary>
    public static IEnumerable<CorpusDocument> Split(string text, string name) =>
        Passages.Join(EntryStart().Split(TextCleaner.Clean(text)), PassageCharacters)
        .Select((passage, i) => new CorpusDocument($"{name}/{i}", passage));

    [GeneratedRegex(@"\n\n(?=\S)", RegexOptions.CultureInvariant)]
    private static partial Regex EntryStart();
}
