using System.Text.RegularExpressions;
using Btx.Trainer.Corpora.Cleaning;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>The Metamath database set.mm: statements and their explanations, without the letters of compressed proofs.</summary>
public static partial class MetamathSections
{
    private const int PassageCharacters = 6000;

    public static IEnumerable<CorpusDocument> Read(string path) => Split(TextCleaner.Decode(File.ReadAllBytes(path)));

    /// <summary>Divides at section banners, then into passages of paragraphs.</summary>
    public static IEnumerable<CorpusDocument> Split(string database)
    {
        var sections = Banner().Split(database);
        for (var s = 0; s < sections.Length; s++)
        {
            var text = CompressedProof().Replace(sections[s], ") $.");
            text = Credit().Replace(text, "");
            var number = 0;
            foreach (var passage in Passages.Join(EmptyLine().Split(TextCleaner.Clean(text)), PassageCharacters))
                yield return new CorpusDocument($"set.mm/{s}.{number++}", passage);
        }
    }

    [GeneratedRegex(@"\n(?=\$\(\n(?:#\*|=-|-\.|##))", RegexOptions.CultureInvariant)]
    private static partial Regex Banner();

    [GeneratedRegex(@"\) [A-Z\s]+ \$\.", RegexOptions.CultureInvariant)]
    private static partial Regex CompressedProof();

    [GeneratedRegex(@"\s*\((?:Contributed|Revised|Proof shortened|Proof modification|New usage|Proposed)[^()]*\)",
        RegexOptions.CultureInvariant)]
    private static partial Regex Credit();

    [GeneratedRegex(@"\n\s*\n", RegexOptions.CultureInvariant)]
    private static partial Regex EmptyLine();
}
