namespace Btx.Trainer.Corpora.Cleaning;

/// <summary>What one domain's documents must satisfy after cleaning.</summary>
public sealed record CleaningRules
{
    /// <summary>Documents shorter than this many UTF-16 units are dropped.</summary>
    public int MinimumCharacters { get; init; } = 200;

    /// <summary>Lines longer than this many UTF-16 units are dropped; null in prose that has a
    /// paragraph or a document on one line.</summary>
    public int? MaximumLineCharacters { get; init; } = 5000;

    /// <summary>Whether a document is dropped when most of it has been seen in the domain already; it is counted in any case.</summary>
    public bool DropRepeats { get; init; } = true;

    /// <summary>
    /// What divides a text into the pieces by which repeats are told: lines, or sentences where a document may be one line.
    /// </summary>
    public string PieceEnds { get; init; } = "\n\u2028\u2029";

    /// <summary>Comment form of the source code, to drop a leading licence header; <see cref="CommentStyle.None"/> for text.</summary>
    public CommentStyle Comments { get; init; } = CommentStyle.None;

    /// <summary>Whether to drop documents that are English: pages that a translation left untranslated.</summary>
    public bool DropEnglish { get; init; }

    /// <summary>Rules for running text with very long lines.</summary>
    public static CleaningRules Prose { get; } = new() { MaximumLineCharacters = null };

    /// <summary>Rules for a user's own folder: only empty documents and exact duplicates are dropped.</summary>
    public static CleaningRules OwnText { get; } = new()
    {
        MinimumCharacters = 1,
        MaximumLineCharacters = null,
        DropRepeats = false,
        PieceEnds = "\n\u2028\u2029.!?;:,"
    };
}
