namespace Btx.Trainer.Corpora.Extraction;

/// <summary>Plain text files of one folder, one document each.</summary>
public static class TextFiles
{
    /// <summary>Documents of the folder's <c>.txt</c> files but those in <paramref name="except"/>
    /// (whole collections, tables of contents).</summary>
    public static IEnumerable<CorpusDocument> Read(string root, params string[] except) =>
        SourceFiles.Read(root, ".txt").Where(d => !except.Contains(d.Id));
}
