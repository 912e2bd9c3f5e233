using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Btx.Trainer.Corpora.Cleaning;

namespace Btx.Trainer.Corpora;

/// <summary>Cleans a domain's documents and writes its three shards, whole or not at all.</summary>
internal static class DomainWriter
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Builds <c>corpus/NAME/</c> and describes it.</summary>
    /// <param name="notes">Told what is left out; with it, long documents are divided. Null for a recipe, whose rules say it all.</param>
    /// <param name="cleaned">Called with the UTF-8 bytes of clean text so far.</param>
    /// <exception cref="BtxException">Fewer than three documents.</exception>
    public static CorpusDomain Write(string corpus, DomainRequest request, IReadOnlyList<CorpusSource> sources, string licence,
        CleaningRules rules, IEnumerable<CorpusDocument> documents, CorpusNotes? notes, Action<long> cleaned,
        CancellationToken cancellation)
    {
        var kept = Clean(documents, rules, notes, cleaned, cancellation);
        List<SplitUnit> units = notes is null
            ? [.. kept.Select(d => new SplitUnit(d.Id, [d]))]
            : TextDivision.Units(kept, request.Role,
                id => notes.Add("long documents divided: the beginning is for training, the end for validation and test", id));
        var unitSplits = units.Count < 3 ? [] : DocumentSplit.Assign(units, request.Role);
        if (unitSplits.Distinct().Count() < 3)
        {
            var noted = notes?.All.Count > 0 ? $" ({string.Join(", ", notes.All)})" : "";
            var found = $"{kept.Count} usable documents in {string.Join(", ", sources.Select(s => s.Name))}{noted}";
            throw new BtxException(
                $"domain {request.Name}: {found}; needed are 3, one for each split, or one of {TextDivision.LeastDivided} characters");
        }

        using var directory = new AtomicDirectory(Path.Combine(corpus, request.Name));
        CorpusDocument[] all = [.. units.SelectMany(u => u.Documents)];
        CorpusSplit[] splits = [.. units.SelectMany((u, i) => u.Documents.Select(_ => unitSplits[i]))];
        var chosen = request.LimitBytes is { } limit ? DocumentSplit.Cap(all, splits, request.Role, limit) : null;
        var shards = new Dictionary<CorpusSplit, CorpusShard>();
        foreach (var split in Enum.GetValues<CorpusSplit>())
        {
            var name = split.ToString().ToLowerInvariant();
            shards[split] = WriteShard(directory.Building, $"{request.Name}/{name}.jsonl",
                all.Where((_, i) => splits[i] == split && chosen?[i] != false), cancellation);
            // Below, a model has nothing to learn from, and a validation of a few windows says little.
            var least = split == CorpusSplit.Train ? 100_000 : 8_000;
            if (shards[split].Bytes < least)
                notes?.Add($"bytes of {name} text are little: add text ({Quantity.Bytes(least)} or more)", count: shards[split].Bytes);
        }

        directory.Commit();
        return new CorpusDomain(request.Name, request.Role, sources, licence, request.Version, request.LimitBytes,
            shards.Values.Sum(s => s.Documents), shards.Values.Sum(s => s.Bytes),
            shards[CorpusSplit.Train], shards[CorpusSplit.Validation], shards[CorpusSplit.Test])
        { Notes = notes?.All ?? [] };
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
            cleaned(bytes += Encoding.UTF8.GetByteCount(text));
        }

        return kept;
    }

    // path: relative to the corpus
    private static CorpusShard WriteShard(string directory, string path, IEnumerable<CorpusDocument> documents, CancellationToken stop)
    {
        using var stream = new FileStream(Path.Combine(directory, Path.GetFileName(path)), FileMode.CreateNew, FileAccess.Write,
            FileShare.None, 1 << 18);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long count = 0, bytes = 0;
        foreach (var document in documents)
        {
            stop.ThrowIfCancellationRequested();
            byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(new { id = document.Id, text = document.Text }, Json), (byte)'\n'];
            stream.Write(line);
            hash.AppendData(line);
            count++;
            bytes += Encoding.UTF8.GetByteCount(document.Text);
        }

        stream.Flush(flushToDisk: true);
        return new CorpusShard(path, count, bytes, stream.Length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
