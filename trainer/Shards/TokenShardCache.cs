using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Btx.Model.Files;
using Btx.Model.Tokens;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Shards;

/// <summary>
/// Token shards of one corpus under one tokenizer, each made once and kept as <c>NAME-SPLIT-KEY.tokens</c>. The key names text
/// and tokenizer, so a stale shard is never read; files appear whole, so several processes may share the directory.
/// </summary>
public sealed class TokenShardCache(CorpusDirectory corpus, TextTokenizer tokenizer, string? directory = null)
{
    private const int BatchDocuments = 64;

    /// <summary>Where the shards lie: by default <c>.shards</c> in the corpus directory.</summary>
    public string DirectoryPath { get; } = Path.GetFullPath(directory ?? Path.Combine(corpus.DirectoryPath, ".shards"));

    /// <summary>Opens the shard of a source, tokenising the text first if it is not there yet.</summary>
    /// <exception cref="BtxException">Missing domain, no text in the split, no end-of-text
    /// token, or the shard cannot be written.</exception>
    public TokenShard Open(TextSource source, CorpusSplit split, CancellationToken cancellation = default)
    {
        var key = Key(source, split);
        var path = Path.Combine(DirectoryPath, $"{source.Name}-{split.ToString().ToLowerInvariant()}-{key[..16]}.tokens");
        if (File.Exists(path))
        {
            try
            {
                return TokenShard.Open(source.Name, key, path);
            }
            catch (InvalidDataException)
            {
                File.Delete(path); // a damaged cache file is made anew
            }
        }

        Write(source, split, path, cancellation);
        return TokenShard.Open(source.Name, key, path);
    }

    /// <summary>Tokens of a source, tokenising the text first if need be.</summary>
    public long Count(TextSource source, CorpusSplit split, CancellationToken cancellation)
    {
        using var shard = Open(source, split, cancellation);
        return shard.Count;
    }

    /// <summary>SHA-256 (hex) of what the tokens depend on.</summary>
    public string Key(TextSource source, CorpusSplit split)
    {
        var text = new StringBuilder($"tokens;v1;{tokenizer.Hash};{split};");
        foreach (var domain in source.Domains) text.Append($"{domain}={corpus.Domain(domain)[split].Sha256};");
        if (source.Part is { } part) text.Append($"part={part.Index}/{part.Count}@{part.Seed}");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private void Write(TextSource source, CorpusSplit split, string path, CancellationToken cancellation)
    {
        if (tokenizer.EosId is not { } separator)
            throw new BtxException(
                "the tokenizer has no end-of-text token to set between documents; name it eos_token in tokenizer_config.json");
        var width = tokenizer.VocabSize <= 1 << 16 ? 2 : 4;
        AtomicFile.Write(path, stream =>
        {
            var header = new byte[TokenShard.HeaderBytes];
            stream.Write(header);
            long count = 0, documents = 0;
            foreach (var batch in Documents(source, split).Chunk(BatchDocuments))
            {
                cancellation.ThrowIfCancellationRequested();
                foreach (var ids in batch.AsParallel().AsOrdered().Select(d => tokenizer.Encode(d.Text)))
                {
                    var bytes = new byte[(ids.Length + 1) * width];
                    Put(bytes, 0, separator, width);
                    for (var i = 0; i < ids.Length; i++) Put(bytes, i + 1, ids[i], width);
                    stream.Write(bytes);
                    count += ids.Length + 1;
                    documents++;
                }
            }

            if (documents == 0)
                throw new BtxException($"the corpus {corpus.DirectoryPath} has no {split.ToString().ToLowerInvariant()} document for "
                    + $"{source.Name}; add text to {string.Join(", ", source.Domains)} or choose another domain");
            var last = new byte[width];
            Put(last, 0, separator, width);
            stream.Write(last);
            TokenShard.Magic.CopyTo(header, 0);
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), width);
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), count + 1);
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), documents);
            stream.Position = 0;
            stream.Write(header);
        });
    }

    private IEnumerable<CorpusDocument> Documents(TextSource source, CorpusSplit split)
    {
        foreach (var domain in source.Domains)
        {
            foreach (var document in corpus.Read(domain, split))
            {
                if (source.Part is null || source.Part.Holds(domain, document.Id)) yield return document;
            }
        }
    }

    private static void Put(Span<byte> bytes, int index, int id, int width)
    {
        if (width == 2) BinaryPrimitives.WriteUInt16LittleEndian(bytes[(index * 2)..], (ushort)id);
        else BinaryPrimitives.WriteInt32LittleEndian(bytes[(index * 4)..], id);
    }
}
