using System.Text.RegularExpressions;
using Btx.Model;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>Novels of the R package janeaustenr, one document a chapter.</summary>
public static partial class NovelChapters
{
    public static IEnumerable<CorpusDocument> Read(string rdb)
    {
        foreach (var lines in RdbStrings.Read(File.ReadAllBytes(rdb), rdb))
        {
            var title = lines.FirstOrDefault(l => !string.IsNullOrWhiteSpace(l))
                ?? throw new BtxException($"{rdb}: a novel without a line");
            var name = NotWord().Replace(title.Trim().ToLowerInvariant(), "-");
            var chapters = ChapterHeading().Split(string.Join('\n', lines));
            for (var i = 0; i < chapters.Length; i++) yield return new CorpusDocument($"{name}/{i}", chapters[i]);
        }
    }

    [GeneratedRegex(@"\n(?=(?:CHAPTER|Chapter)\s+[IVXLC\d]+)", RegexOptions.CultureInvariant)]
    private static partial Regex ChapterHeading();

    [GeneratedRegex("[^a-z0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex NotWord();
}
