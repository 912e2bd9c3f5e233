using Btx.Trainer.Corpora.Cleaning;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>LibreOffice's help in one language: the content area of each page.</summary>
public static class HelpPages
{
    public static IEnumerable<CorpusDocument> Read(string root) =>
        SourceFiles.Paths(root, "*.html").Select(f => new CorpusDocument(f.Id, Text(TextCleaner.Decode(File.ReadAllBytes(f.Path)))));

    /// <summary>The text between the page's display area and its search frame.</summary>
    public static string Text(string page) => HtmlText.Convert(HtmlText.Between(page, "id=\"DisplayArea\"", "<div id=\"SearchFrame\""));
}
