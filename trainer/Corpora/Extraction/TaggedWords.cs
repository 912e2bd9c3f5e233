using System.Text;
using System.Text.RegularExpressions;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>Texts of the Brown corpus, in which each word carries its part of speech: <c>The/at jury/nn said/vbd ./.</c></summary>
public static class TaggedWords
{
    /// <summary>Documents of the files of a folder whose names match.</summary>
    public static IEnumerable<CorpusDocument> Read(string root, Regex names) =>
        SourceFiles.Paths(root, "*").Where(f => names.IsMatch(f.Id))
            .Select(f => new CorpusDocument(f.Id, Plain(File.ReadAllText(f.Path, Encoding.Latin1))));

    /// <summary>The words without tags, with quotation marks and punctuation set as in print, a sentence a line.</summary>
    public static string Plain(string tagged)
    {
        var text = new StringBuilder(tagged.Length / 2);
        foreach (var line in tagged.AsSpan().EnumerateLines())
        {
            var start = text.Length;
            foreach (var word in line.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            {
                var slash = word.LastIndexOf('/');
                if (text.Length > start) text.Append(' ');
                text.Append(slash > 0 ? word.AsSpan(0, slash) : word);
            }

            if (text.Length > start) text.Append('\n');
        }

        text.Replace("`` ", "\"").Replace(" ''", "\"").Replace("( ", "(");
        foreach (var mark in ".,;:?!)") text.Replace($" {mark}", mark.ToString());
        return text.ToString();
    }
}
