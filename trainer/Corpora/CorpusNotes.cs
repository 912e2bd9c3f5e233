using Btx.Model;

namespace Btx.Trainer.Corpora;

/// <summary>Collects what is to be said about a folder of the user's own: nothing is left out of a domain without a word.</summary>
/// <param name="strict">Whether a fault in the text ends the reading instead of being noted.</param>
public sealed class CorpusNotes(bool strict = false)
{
    private const int Shown = 5;
    private readonly List<string> order = [];
    private readonly Dictionary<string, (long Count, List<string> Examples)> notes = new(StringComparer.Ordinal);

    /// <summary>In the order in which each was first noted.</summary>
    public IReadOnlyList<CorpusNote> All => [.. order.Select(what => new CorpusNote(what, notes[what].Count, notes[what].Examples))];

    /// <summary>Counts, and keeps the first examples.</summary>
    public void Add(string what, string? example = null, long count = 1)
    {
        if (!notes.TryGetValue(what, out var note))
        {
            note = (0, []);
            order.Add(what);
        }

        if (example is not null && note.Examples.Count < Shown) note.Examples.Add(BtxException.OneLine(example));
        notes[what] = (note.Count + count, note.Examples);
    }

    /// <summary>Something that should be text and cannot be read as such.</summary>
    /// <exception cref="BtxException">The reading is strict.</exception>
    public void Problem(string what, string message, Exception? cause = null)
    {
        if (strict) throw new BtxException(message, cause!);
        Add(what, message);
    }
}
