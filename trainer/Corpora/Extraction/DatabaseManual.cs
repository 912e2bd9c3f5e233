using System.Text.RegularExpressions;
using Btx.Trainer.Corpora.Cleaning;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>PostgreSQL's manual, one document a page.</summary>
public static partial class DatabaseManual
{
    public static IEnumerable<CorpusDocument> Read(string root) =>
        SourceFiles.Paths(root, "*.html").Select(f => new CorpusDocument(f.Id, Text(TextCleaner.Decode(File.ReadAllBytes(f.Path)))));

    /// <summary>The page's text without its lines of navigation.</summary>
    public static string Text(string page) => Navigation().Replace(HtmlText.Convert(page), "");

    [GeneratedRegex(@"\n *(?:Prev|Next|Up|Home)\b[^\n]*", RegexOptions.CultureInvariant)]
    private static partial Regex Navigation();
}
