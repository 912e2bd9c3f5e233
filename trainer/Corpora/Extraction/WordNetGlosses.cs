using System.Globalization;
using System.Text;
using Btx.Model;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>WordNet's synonym sets with their glosses, a few dozen to a document, in the database's order.</summary>
public static class WordNetGlosses
{
    private const int PassageCharacters = 3000;

    /// <summary>Reads <c>data.adj</c>, <c>data.adv</c>, <c>data.noun</c> and <c>data.verb</c>.</summary>
    public static IEnumerable<CorpusDocument> Read(string root)
    {
        foreach (var (name, path) in SourceFiles.Paths(root, "data.*"))
        {
            var entries = File.ReadLines(path, Encoding.Latin1).Select((line, i) => Entry(line, $"{path}: line {i + 1}")).OfType<string>();
            var number = 0;
            foreach (var passage in Passages.Join(entries, PassageCharacters, "\n"))
                yield return new CorpusDocument($"{name}/{number++}", passage);
        }
    }

    /// <summary>One line of a data file as <c>word, synonym: gloss</c>; null for the licence at the file's head (wndb(5WN)).</summary>
    public static string? Entry(string line, string source)
    {
        if (line.StartsWith("  ", StringComparison.Ordinal)) return null;
        var gloss = line.IndexOf("| ", StringComparison.Ordinal);
        var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (gloss < 0 || fields.Length < 4 || !int.TryParse(fields[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var words)
            || fields.Length < 4 + (2 * words))
            throw new BtxException($"{source}: not a synonym set of WordNet");
        return $"{string.Join(", ", Enumerable.Range(0, words).Select(i => fields[4 + (2 * i)].Replace('_', ' ')))}: "
            + $"{line[(gloss + 2)..].Trim()}";
    }
}
