using System.Text;
using Btx.Model;
using Btx.Model.Files;
using Btx.Trainer.Corpora.Cleaning;

namespace Btx.Trainer.Corpora;

/// <summary>Cleans a domain's documents and writes its three shards, whole or not at all.</summary>
internal static class DomainWriter
{
    /// <summary>Builds <c>corpus/NAME/</c> and describes it.</summary>
    /// <param name="corpus">Corpus directory.</param>
    /// <param name="request">The domain.</param>
    /// <param name="sources">Where the documents come from.</param>
    /// <param name="licence">Licence of the text.</param>
    /// <param name="rules">Cleaning rules.</param>
    /// <param name="documents">Documents as read, in a stable order.</param>
    /// <param name="cleaned">Hears the UTF-8 bytes of clean text so far.</param>
    /// <param name="cancellation">Checked at every document.</param>
    /// <exception cref="BtxException">Fewer than three documents, or the disk refuses.</exception>
    public static CorpusDomain Write(
        string corpus, DomainRequest request, IReadOnlyList<CorpusSource> sources, string licence, CleaningRules rules,
        IEnumerable<CorpusDocument> documents, Action<long> cleaned, CancellationToken cancellation)
    {
        var kept = Clean(documents, rules, cleaned, cancellation);
        if (kept.Count < 3)
            throw new BtxException($"domain {request.Name}: {kept.Count} usable documents in {string.Join(", ", sources.Select(s => s.Name))}; at least 3 are needed, one for each of train, validation and test");
        try
        {
            return WriteShards(corpus, request, sources, licence, kept, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"cannot write {Path.Combine(corpus, request.Name)}: {e.Message}", e);
        }
    }

    private static List<CorpusDocument> Clean(IEnumerable<CorpusDocument> documents, CleaningRules rules, Action<long> cleaned, CancellationToken cancellation)
    {
        var filter = new DocumentFilter(rules);
        var kept = new List<CorpusDocument>();
        long bytes = 0;
        foreach (var document in documents)
        {
            cancellation.ThrowIfCancellationRequested();
            if (filter.Clean(document.Text) is not { } text) continue;
            kept.Add(document with { Text = text });
            bytes += Encoding.UTF8.GetByteCount(text);
            cleaned(bytes);
        }

        return kept;
    }

    private static CorpusDomain WriteShards(
        string corpus, DomainRequest request, IReadOnlyList<CorpusSource> sources, string licence, List<CorpusDocument> documents, CancellationToken cancellation)
    {
        using var directory = new AtomicDirectory(Path.Combine(corpus, request.Name));
        var splits = DocumentSplit.Assign(documents, request.Role);
        var chosen = request.LimitBytes is { } limit ? DocumentSplit.Cap(documents, splits, request.Role, limit) : null;
        var shards = new Dictionary<CorpusSplit, CorpusShard>();
        foreach (var split in Enum.GetValues<CorpusSplit>())
        {
            var file = $"{split.ToString().ToLowerInvariant()}.jsonl";
            using var writer = new ShardWriter(Path.Combine(directory.Building, file), $"{request.Name}/{file}");
            for (var i = 0; i < splits.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (splits[i] == split && chosen?[i] != false) writer.Write(documents[i]);
            }

            shards[split] = writer.Complete();
        }

        directory.Commit();
        return new CorpusDomain(
            request.Name, request.Role, sources, licence, Recipes.DomainRecipe.Version, request.LimitBytes,
            shards.Values.Sum(s => s.Documents), shards.Values.Sum(s => s.Bytes),
            shards[CorpusSplit.Train], shards[CorpusSplit.Validation], shards[CorpusSplit.Test]);
    }
}
