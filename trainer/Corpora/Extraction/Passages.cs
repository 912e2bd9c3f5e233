namespace Btx.Trainer.Corpora.Extraction;

/// <summary>Groups short pieces (dictionary entries, paragraphs) into documents of a useful length.</summary>
public static class Passages
{
    /// <summary>Joins consecutive pieces with <paramref name="separator"/> until each passage has
    /// more than <paramref name="characters"/>.</summary>
    public static IEnumerable<string> Join(IEnumerable<string> pieces, int characters, string separator = "\n\n")
    {
        var passage = new List<string>();
        var length = 0;
        foreach (var piece in pieces)
        {
            passage.Add(piece);
            length += piece.Length;
            if (length <= characters) continue;
            yield return string.Join(separator, passage);
            passage.Clear();
            length = 0;
        }

        if (passage.Count > 0) yield return string.Join(separator, passage);
    }
}
