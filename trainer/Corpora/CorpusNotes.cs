namespace Btx.Trainer.Corpora;

/// <summary>What the maker of a domain should know about their text: how often it happened, and to what for example.</summary>
/// <param name="What">Reads well after the number: <c>links, which are not followed</c>.</param>
public sealed record CorpusNote(string What, long Count, IReadOnlyList<string> Examples)
{
    /// <summary>One line.</summary>
    public override string ToString() =>
        $"{Count} {What}{(Examples.Count > 0 ? $": {string.Join("; ", Examples)}{(Count > Examples.Count ? "; …" : "")}" : "")}";
}

/// <summary>Collects what is to be said about a folder of the user's own: nothing is left out of a domain without a word.</summary>
/// <param name="strict">Whether a problem in the text ends the reading instead of being noted.</param>
public sealed class CorpusNotes(bool strict = false)
{
    private const int Shown = 5;
    private readonly List<CorpusNote> notes = [];

    /// <summary>In the order in which each was first noted.</summary>
    public IReadOnlyList<CorpusNote> All => [.. notes];

    /// <summary>Counts, and keeps the first examples.</summary>
    public void Add(string what, string? example = null, long count = 1)
    {
        var at = notes.FindIndex(n => n.What == what);
        var note = at < 0 ? new CorpusNote(what, count, []) : notes[at] with { Count = notes[at].Count + count };
        if (example is not null && note.Examples.Count < Shown)
            note = note with { Examples = [.. note.Examples, BtxException.OneLine(example)] };
        if (at < 0) notes.Add(note);
        else notes[at] = note;
    }

    /// <summary>Something that should be text and cannot be read as such.</summary>
    public void Problem(string what, string message, Exception? cause = null)
    {
        if (strict) throw new BtxException(message, cause!);
        Add(what, message);
    }
}
