using Btx.Model;
using Btx.Model.Tokens;
using Btx.Trainer.Corpora;
using Btx.Trainer.Shards;
using Btx.Trainer.Tests.Phases;

namespace Btx.Trainer.Tests.Shards;

public sealed class TokenShardTests : IDisposable
{
    private readonly TinyWorld world = new();
    private readonly CorpusDirectory corpus;
    private readonly TextTokenizer tokenizer;
    private readonly TokenShardCache cache;

    public TokenShardTests()
    {
        corpus = CorpusDirectory.Open(world.Corpus);
        tokenizer = TextTokenizer.Load(world.Tokenizer);
        cache = new TokenShardCache(corpus, tokenizer);
    }

    public void Dispose() => world.Dispose();

    [Fact]
    public void A_shard_holds_every_document_between_separators()
    {
        using var shard = cache.Open(TextSource.Of("ants"), CorpusSplit.Train);
        long[] expected = [.. corpus.Read("ants", CorpusSplit.Train).SelectMany(d =>
            (int[])[tokenizer.EosId!.Value, .. tokenizer.Encode(d.Text)]).Append(tokenizer.EosId!.Value).Select(i => (long)i)];
        var ids = new long[shard.Count];
        shard.CopyTo(0, ids);
        Assert.Equal(expected, ids);
        Assert.Equal(40, shard.Documents);
        Assert.Throws<ArgumentOutOfRangeException>(() => shard.CopyTo(1, ids));
    }

    [Fact]
    public void A_shard_is_made_once_and_a_damaged_one_anew()
    {
        string path;
        long count;
        using (var shard = cache.Open(TextSource.Of("ants"), CorpusSplit.Train)) count = shard.Count;
        path = Assert.Single(Directory.GetFiles(cache.DirectoryPath));
        var written = File.GetLastWriteTimeUtc(path);
        using (cache.Open(TextSource.Of("ants"), CorpusSplit.Train)) Assert.Equal(written, File.GetLastWriteTimeUtc(path));
        using (var file = File.OpenWrite(path)) file.SetLength(file.Length - 3);
        using var again = cache.Open(TextSource.Of("ants"), CorpusSplit.Train);
        Assert.Equal(count, again.Count);
    }

    [Fact]
    public void Random_parts_are_disjoint_and_together_whole()
    {
        var documents = TinyWorld.Domains.SelectMany(d => corpus.Read(d, CorpusSplit.Train).Select(x => (Domain: d, x.Id))).ToArray();
        var parts = TextSource.RandomParts(TinyWorld.Domains, 4, seed: 1);
        Assert.All(documents, d => Assert.Equal(1, parts.Count(p => p.Part!.Holds(d.Domain, d.Id))));
        Assert.All(parts, p => Assert.InRange(documents.Count(d => p.Part!.Holds(d.Domain, d.Id)), 15, 45)); // 30 expected
        long held = 0;
        foreach (var part in parts)
        {
            using var shard = cache.Open(part, CorpusSplit.Train);
            held += shard.Documents;
        }

        Assert.Equal(documents.Length, held);
    }

    [Fact]
    public void The_key_names_text_tokenizer_split_and_part()
    {
        var source = TextSource.Of("ants");
        string[] keys =
        [
            cache.Key(source, CorpusSplit.Train), cache.Key(source, CorpusSplit.Validation),
                cache.Key(TextSource.Of("bees"), CorpusSplit.Train),
            cache.Key(source with { Part = new TextPart(0, 2, 1) }, CorpusSplit.Train),
                cache.Key(source with { Part = new TextPart(1, 2, 1) }, CorpusSplit.Train),
            new TokenShardCache(corpus, BpeTrainer.Train(["another text"], 258, ["<|endoftext|>"])).Key(source, CorpusSplit.Train),
        ];
        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    [Fact]
    public void Text_shorter_than_a_window_is_refused_by_name()
    {
        using var shard = cache.Open(TextSource.Of("ants"), CorpusSplit.Validation);
        var e = Assert.Throws<BtxException>(() => shard.Require((int)shard.Count));
        Assert.Contains("text of ants has", e.Message);
        Assert.Contains("lower --sequence", e.Message);
    }

    [Fact]
    public void Validation_windows_predict_each_token_once()
    {
        using var shard = cache.Open(TextSource.Of("ants"), CorpusSplit.Validation);
        var windows = new ValidationWindows(shard, 16);
        Assert.Equal((shard.Count - 1) / 16, windows.Count);
        var all = new long[shard.Count];
        shard.CopyTo(0, all);
        var predicted = new List<long>();
        for (var i = 0; i < windows.Count; i++) predicted.AddRange(windows[i][1..]);
        Assert.Equal(all[1..(1 + predicted.Count)], predicted);
        var few = new ValidationWindows(shard, 16, 3);
        Assert.Equal(all[(2 * windows.Count / 3 * 16)..][..17], few[2]);
    }
}
