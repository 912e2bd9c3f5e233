using System.Text;

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

/// <summary>One of <paramref name="Count"/> disjoint random parts of a corpus: a document belongs to exactly one, chosen by a hash of its
/// id (Branch-Train-Merge's random-split control).</summary>
/// <param name="Index">From 0.</param>
/// <param name="Count">Number of parts.</param>
/// <param name="Seed">Another seed splits otherwise.</param>
public sealed record TextPart(int Index, int Count, long Seed)
{
    /// <summary>Whether this part holds the document.</summary>
    public bool Holds(string domain, string id) => (int)(Mix(domain + "\n" + id) % (ulong)Count) == Index;

    // FNV-1a over the id, then the finaliser of SplitMix64: stable over runs, machines and versions.
    private ulong Mix(string text)
    {
        var hash = 14695981039346656037UL ^ (ulong)Seed;
        foreach (var b in Encoding.UTF8.GetBytes(text)) hash = (hash ^ b) * 1099511628211UL;
        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9UL;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBUL;
        return hash ^ (hash >> 31);
    }
}
