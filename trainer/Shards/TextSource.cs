namespace Btx.Trainer.Shards;

/// <summary>The text that a model is trained on or a prior is estimated on: some corpus domains, whole
/// or a random part of their documents.</summary>
/// <param name="Name">Name of the domain, or of the random part.</param>
/// <param name="Domains">Corpus domains, in order.</param>
/// <param name="Part">Null: every document.</param>
public sealed record TextSource(string Name, IReadOnlyList<string> Domains, TextPart? Part = null)
{
    public static TextSource Of(string domain) => new(domain, [domain]);

    /// <summary>Random parts <c>split-0</c> … of the union of <paramref name="domains"/>.</summary>
    public static IReadOnlyList<TextSource> RandomParts(IReadOnlyList<string> domains, int count, long seed) =>
        [.. Enumerable.Range(0, count).Select(i => new TextSource($"split-{i}", domains, new TextPart(i, count, seed)))];
}
