using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Btx.Trainer.Shards;

/// <summary>Token shards of one corpus under one tokenizer, each made once and kept as <c>NAME-SPLIT-KEY.tokens</c>. The key names text and
/// tokenizer, so a stale shard is never read; files appear whole, so several processes may share the directory. Owns the shards that it
/// opens. Not thread-safe.</summary>
public sealed class TokenShardCache(CorpusDirectory corpus, TextTokenizer tokenizer, string? directory = null) : IDisposable
{
    private const int BatchDocuments = 64;
    private readonly List<TokenShard> opened = [];

    /// <summary>Where the shards lie: by default <c>.shards</c> in the corpus directory.</summary>
    public string DirectoryPath { get; } = Path.GetFullPath(directory ?? Path.Combine(corpus.DirectoryPath, ".shards"));

    /// <summary>Opens the shard of a source, tokenising the text first if it is not there yet.</summary>
    /// <exception cref="BtxException">No such domain, no text in the split, no end-of-text token, or it cannot be written.</exception>
    public TokenShard Open(TextSource source, CorpusSplit split, CancellationToken cancellation = default)
    {
        var key = Key(source, split);
        var path = Path.Combine(DirectoryPath, $"{source.Name}-{split.ToString().ToLowerInvariant()}-{key[..16]}.tokens");
        try
        {
            if (!File.Exists(path)) AtomicFile.Write(path, stream => Write(source, split, stream, cancellation));
            opened.Add(new TokenShard(source.Name, key, path));
        }
        catch (InvalidDataException)
        {
            // a damaged cache file is made again
            AtomicFile.Write(path, stream => Write(source, split, stream, cancellation));
            opened.Add(new TokenShard(source.Name, key, path));
        }

        return opened[^1];
    }

    public void Dispose() => opened.ForEach(shard => shard.Dispose());

    /// <summary>SHA-256 (hex) of what the tokens depend on.</summary>
    public string Key(TextSource source, CorpusSplit split)
    {
        var text = new StringBuilder($"tokens;v1;{tokenizer.Hash};{split};");
        foreach (var domain in source.Domains) text.Append($"{domain}={corpus.Domain(domain)[split].Sha256};");
        if (source.Part is { } part) text.Append($"part={part.Index}/{part.Count}@{part.Seed}");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private void Write(TextSource source, CorpusSplit split, Stream stream, CancellationToken cancellation)
    {
        if (tokenizer.EosId is not { } separator)
            throw new BtxException("the tokenizer has no end-of-text token; name it eos_token in tokenizer_config.json");
        var header = new TokenShardHeader(TokenShardHeader.Expected, tokenizer.VocabSize <= 1 << 16 ? 2 : 4, 0, 0);
        stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<TokenShardHeader>(in header)));
        foreach (var batch in Documents(source, split).Chunk(BatchDocuments))
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (var ids in batch.AsParallel().AsOrdered().Select(d => tokenizer.Encode(d.Text)))
            {
                Put([separator, .. ids]);
                header = header with { Documents = header.Documents + 1 };
            }
        }

        if (header.Documents == 0)
            throw new BtxException($"the corpus {corpus.DirectoryPath} has no {split.ToString().ToLowerInvariant()} document for "
                + $"{source.Name}; add text to {string.Join(", ", source.Domains)} or choose another domain");
        Put([separator]);
        stream.Position = 0;
        stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<TokenShardHeader>(in header)));

        void Put(int[] ids)
        {
            stream.Write(header.Width == 2
                ? MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(ids, id => (ushort)id)) : MemoryMarshal.AsBytes<int>(ids));
            header = header with { Count = header.Count + ids.Length };
        }
    }

    private IEnumerable<CorpusDocument> Documents(TextSource source, CorpusSplit split) => source.Domains.SelectMany(domain =>
        corpus.Read(domain, split).Where(document => source.Part is null || source.Part.Holds(domain, document.Id)));
}

/// <summary>The text that a model is trained on or a prior is estimated on: some corpus domains, whole or a random part.</summary>
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
public sealed record TextPart(int Index, int Count, long Seed)
{
    /// <summary>Whether this part holds the document.</summary>
    public bool Holds(string domain, string id) => (int)(Mix(domain + "\n" + id) % (ulong)Count) == Index;

    // FNV-1a over the id, then the finaliser of SplitMix64: stable over runs, machines and versions.
    private ulong Mix(string text)
    {
        var hash = 14695981039346656037UL ^ (ulong)Seed;
        foreach (var b in Encoding.UTF8.GetBytes(text)) hash = (hash ^ b) * 1099511628211UL;
        return SplitMix64.Mix(hash);
    }
}
