using System.Text;
using Btx.Cli;
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
    /// <param name="notes">Hears what is left out; with it, long documents are divided. Null for a recipe, whose rules say what it leaves
    /// out.</param>
    /// <param name="cleaned">Hears the UTF-8 bytes of clean text so far.</param>
    /// <param name="cancellation">Checked at every document.</param>
    /// <exception cref="BtxException">Fewer than three documents, or the disk refuses.</exception>
    public static CorpusDomain Write(
        string corpus, DomainRequest request, IReadOnlyList<CorpusSource> sources, string licence, CleaningRules rules,
        IEnumerable<CorpusDocument> documents, CorpusNotes? notes, Action<long> cleaned, CancellationToken cancellation)
    {
        var kept = Clean(documents, rules, notes, cleaned, cancellation);
        List<SplitUnit> units = notes is null
            ? [.. kept.Select(d => new SplitUnit(d.Id, [d]))]
            : TextDivision.Units(kept, request.Role,
                id => notes.Add("long documents divided: the beginning is for training, the end for validation and test", id));
        var splits = units.Count < 3 ? [] : DocumentSplit.Assign(units, request.Role);
        if (splits.Distinct().Count() < 3)
        {
            var noted = notes?.All.Count > 0 ? $" ({string.Join(", ", notes.All)})" : "";
            var found = $"{kept.Count} usable documents in {string.Join(", ", sources.Select(s => s.Name))}{noted}";
            throw new BtxException(
                $"domain {request.Name}: {found}; needed are 3, one for each split, or one of {TextDivision.LeastDivided} characters");
        }

        try
        {
            return WriteShards(corpus, request, sources, licence, units, splits, notes, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"cannot write {Path.Combine(corpus, request.Name)}: {e.Message}", e);
        }
    }

    private static List<CorpusDocument> Clean(IEnumerable<CorpusDocument> documents, CleaningRules rules, CorpusNotes? notes,
        Action<long> cleaned, CancellationToken cancellation)
    {
        var filter = new DocumentFilter(rules);
        var kept = new List<CorpusDocument>();
        long bytes = 0;
        foreach (var document in documents)
        {
            cancellation.ThrowIfCancellationRequested();
            var (duplicates, repeats) = (filter.Duplicates, filter.Repeats);
            var text = filter.Clean(document.Text);
            if (filter.Repeats > repeats) notes?.Add("documents that mostly repeat others, kept", document.Id);
            if (text is null)
            {
                notes?.Add(filter.Duplicates > duplicates ? "exact duplicates, left out" : "empty documents, left out", document.Id);
                continue;
            }

            kept.Add(document with { Text = text });
            bytes += Encoding.UTF8.GetByteCount(text);
            cleaned(bytes);
        }

        return kept;
    }

    private static CorpusDomain WriteShards(
        string corpus, DomainRequest request, IReadOnlyList<CorpusSource> sources, string licence, List<SplitUnit> units,
        CorpusSplit[] unitSplits, CorpusNotes? notes, CancellationToken cancellation)
    {
        using var directory = new AtomicDirectory(Path.Combine(corpus, request.Name));
        CorpusDocument[] documents = [.. units.SelectMany(u => u.Documents)];
        CorpusSplit[] splits = [.. units.SelectMany((u, i) => u.Documents.Select(_ => unitSplits[i]))];
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
            if (shards[split].Bytes >= Little(split)) continue;
            var (name, least) = (split.ToString().ToLowerInvariant(), Quantity.Bytes(Little(split)));
            notes?.Add($"bytes of {name} text are little: add text ({least} or more)", count: shards[split].Bytes);
        }

        directory.Commit();
        return new CorpusDomain(
            request.Name, request.Role, sources, licence, request.Version, request.LimitBytes,
            shards.Values.Sum(s => s.Documents), shards.Values.Sum(s => s.Bytes),
            shards[CorpusSplit.Train], shards[CorpusSplit.Validation], shards[CorpusSplit.Test])
        { Notes = notes?.All ?? [] };
    }

    // Below, a model has nothing to learn from, and a validation of a few windows says little.
    private static long Little(CorpusSplit split) => split == CorpusSplit.Train ? 100_000 : 8_000;
}
