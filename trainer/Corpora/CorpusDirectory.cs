using System.Security.Cryptography;

namespace Btx.Trainer.Corpora;

/// <summary>Reads a corpus directory: <c>corpus.json</c> and <c>DOMAIN/{train,validation,test}.jsonl</c>, each line <c>{"id": "…", "text":
/// "…"}</c>. Immutable and safe to use from several threads.</summary>
public sealed class CorpusDirectory
{
    private CorpusDirectory(string path, CorpusManifest manifest) => (DirectoryPath, Domains) = (path, manifest.Domains);

    public string DirectoryPath { get; }

    /// <summary>Every domain, train and eval-only, in the manifest's order.</summary>
    public IReadOnlyList<CorpusDomain> Domains { get; }

    /// <summary>Opens a corpus and checks that every shard is there with its recorded size, not its hash.</summary>
    /// <exception cref="BtxException">No corpus there, a bad manifest, a shard missing or of another size, or no domain at all.</exception>
    public static CorpusDirectory Open(string directory)
    {
        directory = Path.GetFullPath(directory);
        var corpus = new CorpusDirectory(directory, CorpusManifest.Read(directory));
        if (corpus.Domains.Count == 0)
            throw new BtxException($"{directory}: the corpus has no domain; make one with: btx corpus --set demo --out {directory}");
        foreach (var (domain, split) in corpus.Domains.SelectMany(d => Enum.GetValues<CorpusSplit>().Select(s => (d, s))))
        {
            var file = new FileInfo(corpus.ShardPath(domain, split));
            if (!file.Exists)
                throw new BtxException($"{file.FullName} is missing, which {CorpusManifest.FileName} names; run btx corpus again");
            if (file.Length != domain[split].FileBytes)
                throw new BtxException($"{file.FullName} has {file.Length} bytes, not {domain[split].FileBytes}; run btx corpus again");
        }

        return corpus;
    }

    /// <summary>The domain of that name.</summary>
    public CorpusDomain Domain(string name) =>
        Domains.FirstOrDefault(d => d.Name == name)
        ?? throw new BtxException($"the corpus {DirectoryPath} has no domain \"{BtxException.OneLine(name)}\"; it has "
            + $"{string.Join(", ", Domains.Select(d => d.Name))}: choose of these, or add it with `btx corpus --out {DirectoryPath}`");

    /// <summary>The named domains, or with no names every domain of <paramref name="role"/> (null: of both roles).</summary>
    public IReadOnlyList<CorpusDomain> Select(IReadOnlyCollection<string>? names, CorpusRole? role = null)
    {
        if (names is { Count: > 0 }) return [.. names.Distinct().Select(Domain)];
        CorpusDomain[] all = [.. Domains.Where(d => role is null || d.Role == role)];
        return all.Length > 0 ? all
            : throw new BtxException($"the corpus {DirectoryPath} has no {role?.ToString().ToLowerInvariant()} domain");
    }

    /// <summary>The documents of one split, read lazily in file order.</summary>
    /// <exception cref="BtxException">No such domain, or while reading: a line that is not a document (names file and line).</exception>
    public IEnumerable<CorpusDocument> Read(string domain, CorpusSplit split) => Read(Domain(domain), split);

    /// <inheritdoc cref="Read(string, CorpusSplit)"/>
    public IEnumerable<CorpusDocument> Read(CorpusDomain domain, CorpusSplit split) => DocumentLines.Read(ShardPath(domain, split));

    /// <summary>Whether a shard's file is there, as long as the manifest records, and hashes to what it records. Reads it whole.</summary>
    public static bool IsWhole(string directory, CorpusShard shard)
    {
        if (new FileInfo(Path.Combine(directory, shard.Path)) is not { Exists: true } file || file.Length != shard.FileBytes) return false;
        using var stream = file.OpenRead();
        return Convert.ToHexStringLower(SHA256.HashData(stream)) == shard.Sha256;
    }

    public string ShardPath(CorpusDomain domain, CorpusSplit split) =>
        ContainedPath.Resolve(DirectoryPath, domain[split].Path, Path.Combine(DirectoryPath, CorpusManifest.FileName));
}

/// <summary>Training documents of several domains in about equal amounts, so that no domain's words crowd out another's.</summary>
public static class BalancedSample
{
    /// <summary>Up to <paramref name="limitBytes"/> of UTF-8 text over all domains: each has an equal share, and what a small domain cannot
    /// fill goes to the larger ones. Documents are chosen by a hash of their ids: the same in every run.</summary>
    public static IEnumerable<CorpusDocument> Read(CorpusDirectory corpus, IReadOnlyList<CorpusDomain> domains, long limitBytes)
    {
        var share = Share([.. domains.Select(d => d.Train.Bytes).Order()], limitBytes);
        return domains.SelectMany(domain => corpus.Read(domain, CorpusSplit.Train)
            .Where(d => domain.Train.Bytes <= share || DocumentHash.ForSample(d.Id) < share / domain.Train.Bytes));
    }

    // The most bytes that a domain may give, so that all together give no more than the limit.
    private static double Share(long[] ordered, long limitBytes)
    {
        var left = (double)limitBytes;
        for (var i = 0; i < ordered.Length; i++)
        {
            var share = left / (ordered.Length - i);
            if (ordered[i] > share) return share;
            left -= ordered[i];
        }

        return double.PositiveInfinity;
    }
}
