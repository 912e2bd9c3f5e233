namespace Btx.Trainer.Corpora;

/// <summary>What the maker of a domain should know about their text: how often it happened, and to what for example.</summary>
/// <param name="What">Reads well after the number: <c>links, which are not followed</c>.</param>
/// <param name="Examples">The first few.</param>
public sealed record CorpusNote(string What, long Count, IReadOnlyList<string> Examples)
{
    /// <summary>One line.</summary>
    public override string ToString() =>
        $"{Count} {What}{(Examples.Count > 0 ? $": {string.Join("; ", Examples)}{(Count > Examples.Count ? "; …" : "")}" : "")}";
}
