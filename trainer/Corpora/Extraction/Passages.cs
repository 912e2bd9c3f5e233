using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Btx.Trainer.Corpora.Cleaning;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>Groups short pieces (dictionary entries, paragraphs) into documents of a useful length.</summary>
public static class Passages
{
    /// <summary>Joins consecutive pieces until each passage has more than <paramref name="characters"/>.</summary>
    public static IEnumerable<string> Join(IEnumerable<string> pieces, int characters, string separator = "\n\n")
    {
        var passage = new List<string>();
        foreach (var piece in pieces)
        {
            passage.Add(piece);
            if (passage.Sum(p => p.Length) <= characters) continue;
            yield return string.Join(separator, passage);
            passage.Clear();
        }

        if (passage.Count > 0) yield return string.Join(separator, passage);
    }
}

/// <summary>A dictd dictionary (<c>.dict.dz</c>, which is gzip), consecutive entries to a document.</summary>
public static partial class DictionaryEntries
{
    public static IEnumerable<CorpusDocument> Read(string path) =>
        Split(TextCleaner.Decode(SourceFiles.Inflate(path)), Path.GetFileName(path));

    /// <summary>Entries begin in the first column after an empty line; what belongs to them is indented.</summary>
    public static IEnumerable<CorpusDocument> Split(string text, string name) =>
        Passages.Join(EntryStart.Split(TextCleaner.Clean(text)), 4000).Select((passage, i) => new CorpusDocument($"{name}/{i}", passage));

    [GeneratedRegex(@"\n\n(?=\S)")] private static partial Regex EntryStart { get; }
}

/// <summary>The Metamath database set.mm: statements and their explanations, without the letters of compressed proofs.</summary>
public static partial class MetamathSections
{
    public static IEnumerable<CorpusDocument> Read(string path) => Split(TextCleaner.Decode(File.ReadAllBytes(path)));

    /// <summary>Divides at section banners, then into passages of paragraphs.</summary>
    public static IEnumerable<CorpusDocument> Split(string database) => Banner.Split(database).SelectMany((section, s) =>
    {
        var text = Credit.Replace(CompressedProof.Replace(section, ") $."), "");
        return Passages.Join(EmptyLine.Split(TextCleaner.Clean(text)), 6000)
            .Select((passage, i) => new CorpusDocument($"set.mm/{s}.{i}", passage));
    });

    [GeneratedRegex(@"\n(?=\$\(\n(?:#\*|=-|-\.|##))")] private static partial Regex Banner { get; }
    [GeneratedRegex(@"\) [A-Z\s]+ \$\.")] private static partial Regex CompressedProof { get; }
    [GeneratedRegex(@"\s*\((?:Contributed|Revised|Proof shortened|Proof modification|New usage|Proposed)[^()]*\)")]
    private static partial Regex Credit { get; }
    [GeneratedRegex(@"\n\s*\n")] private static partial Regex EmptyLine { get; }
}

/// <summary>WordNet's synonym sets with their glosses, a few dozen to a document, in the database's order.</summary>
public static class WordNetGlosses
{
    /// <summary>Reads <c>data.adj</c>, <c>data.adv</c>, <c>data.noun</c> and <c>data.verb</c>.</summary>
    public static IEnumerable<CorpusDocument> Read(string root) => SourceFiles.Paths(root, "data.*").SelectMany(file =>
    {
        var entries = File.ReadLines(file.Path, Encoding.Latin1).Select((line, i) => Entry(line, $"{file.Path}: line {i + 1}"));
        return Passages.Join(entries.OfType<string>(), 3000, "\n").Select((passage, i) => new CorpusDocument($"{file.Id}/{i}", passage));
    });

    /// <summary>One line of a data file as <c>word, synonym: gloss</c>; null for the licence at the file's head (wndb(5WN)).</summary>
    public static string? Entry(string line, string source)
    {
        if (line.StartsWith("  ", StringComparison.Ordinal)) return null;
        var gloss = line.IndexOf("| ", StringComparison.Ordinal);
        var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (gloss < 0 || fields.Length < 4 || !int.TryParse(fields[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var words)
            || fields.Length < 4 + (2 * words))
            throw new BtxException($"{source}: not a synonym set of WordNet");
        var synonyms = Enumerable.Range(0, words).Select(i => fields[4 + (2 * i)].Replace('_', ' '));
        return $"{string.Join(", ", synonyms)}: {line[(gloss + 2)..].Trim()}";
    }
}
