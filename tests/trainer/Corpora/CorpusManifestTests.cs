using System.Text;
using System.Text.Json.Nodes;
using Btx.Model;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Tests.Corpora;

public sealed class CorpusManifestTests : IDisposable
{
    private static readonly string Hash = new('a', 64);
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void What_is_written_is_read()
    {
        new CorpusManifest(CorpusManifest.CurrentSchema, [Domain("alpha"), Domain("beta") with { LimitBytes = 5 }]).Write(folder.Path);
        var read = CorpusManifest.Read(folder.Path);
        Assert.Equal(["alpha", "beta"], read.Domains.Select(d => d.Name));
        Assert.Equal(5, read.Domains[1].LimitBytes);
        Assert.Equal(Domain("alpha").Train, read.Domains[0].Train);
        Assert.Equal("apt pack 1.0", read.Domains[0].Source);
    }

    [Theory]
    [InlineData("schema", "2", "schema is 2")]
    [InlineData("domains", "null", "not a corpus manifest")]
    [InlineData("domains/0", "null", "a domain is null")]
    [InlineData("domains/0/name", "\"../evil\"", "domain name")]
    [InlineData("domains/0/name", "\"UPPER\"", "domain name")]
    [InlineData("domains/0/name", "\"x\\n\"", "domain name")]
    [InlineData("domains/0/name", "\"corpus.json\"", "is reserved")]
    [InlineData("domains/0/name", "\"seed\"", "is reserved")]
    [InlineData("domains/0/name", "\"nul.txt\"", "is reserved")]
    [InlineData("domains/0/name", "\"a.\"", "domain name")]
    [InlineData("domains/0/role", "\"both\"", "not a corpus manifest")]
    [InlineData("domains/0/role", "0", "not a corpus manifest")]
    [InlineData("domains/0/sources", "[null]", "source is null")]
    [InlineData("domains/0/train", "null", "not a corpus manifest")]
    [InlineData("domains/0/train/path", "\"/etc/passwd\"", "inside its own directory")]
    [InlineData("domains/0/train/path", "\"../other/train.jsonl\"", "inside its own directory")]
    [InlineData("domains/0/train/path", "\"\"", "inside its own directory")]
    [InlineData("domains/0/train/documents", "-1", "negative")]
    [InlineData("domains/0/train/bytes", "1e300", "not a corpus manifest")]
    [InlineData("domains/0/train/sha256", "\"ABC\"", "hex digits")]
    public void A_value_that_cannot_be_is_refused(string path, string value, string expected)
    {
        var json = Json();
        var parts = path.Split('/');
        JsonNode node = json;
        foreach (var part in parts[..^1]) node = int.TryParse(part, out var index) ? node[index]! : node[part]!;
        if (int.TryParse(parts[^1], out var last)) node[last] = JsonNode.Parse(value);
        else node[parts[^1]] = JsonNode.Parse(value);
        var message = Assert.Throws<BtxException>(() => Parse(json.ToJsonString())).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_domain_that_stands_twice_is_refused()
    {
        var json = Json();
        json["domains"]!.AsArray().Add(json["domains"]![0]!.DeepClone());
        Assert.Contains("stands twice", Assert.Throws<BtxException>(() => Parse(json.ToJsonString())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_through_a_link_is_refused()
    {
        new CorpusManifest(CorpusManifest.CurrentSchema, [Domain("alpha")]).Write(folder.Path);
        Directory.CreateSymbolicLink(Path.Combine(folder.Path, "alpha"), Path.GetTempPath());
        Assert.Contains("link", Assert.Throws<BtxException>(() => CorpusManifest.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_pieces_are_named()
    {
        Assert.Contains("btx corpus", Assert.Throws<BtxException>(() => CorpusDirectory.Open(folder.Path)).Message,
            StringComparison.Ordinal);
        CorpusManifest.Empty.Write(folder.Path);
        Assert.Contains("no domain", Assert.Throws<BtxException>(() => CorpusDirectory.Open(folder.Path)).Message,
            StringComparison.Ordinal);
        new CorpusManifest(CorpusManifest.CurrentSchema, [Domain("alpha")]).Write(folder.Path);
        Assert.Contains("train.jsonl is missing", Assert.Throws<BtxException>(() => CorpusDirectory.Open(folder.Path)).Message,
            StringComparison.Ordinal);
        foreach (var split in new[] { "train", "validation", "test" })
            folder.Write($"alpha/{split}.jsonl", new string('x', split == "test" ? 9 : 10));
        Assert.Contains("has 9 bytes", Assert.Throws<BtxException>(() => CorpusDirectory.Open(folder.Path)).Message,
            StringComparison.Ordinal);
        folder.Write("alpha/test.jsonl", new string('x', 10));
        var corpus = CorpusDirectory.Open(folder.Path);
        Assert.Contains("train.jsonl:1: ", Assert.Throws<BtxException>(() => corpus.Read("alpha", CorpusSplit.Train).Count()).Message,
            StringComparison.Ordinal);
        Assert.False(CorpusDirectory.IsWhole(folder.Path, corpus.Domains[0].Train));
        Assert.Contains("it has alpha", Assert.Throws<BtxException>(() => corpus.Select(["beta"])).Message, StringComparison.Ordinal);
        Assert.Contains("no eval domain", Assert.Throws<BtxException>(() => corpus.Select(null, CorpusRole.Eval)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_bytes_are_refused_or_read_but_never_crash()
    {
        var good = Encoding.UTF8.GetBytes(Json().ToJsonString());
        var random = new Random(1);
        for (var round = 0; round < 4000; round++)
        {
            var bytes = good.ToArray();
            if (round % 4 == 0) bytes = bytes[..random.Next(bytes.Length)];
            for (var change = random.Next(1, 6); change > 0 && bytes.Length > 0; change--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                var manifest = CorpusManifest.Parse(bytes, "corpus.json", folder.Path);
                Assert.All(manifest.Domains, d =>
                    Assert.StartsWith(folder.Path, Path.GetFullPath(Path.Combine(folder.Path, d.Train.Path)), StringComparison.Ordinal));
            }
            catch (BtxException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    [Fact]
    public void A_balanced_sample_takes_about_as_much_of_each_domain()
    {
        var small = WriteDomain("small", 30);
        var large = WriteDomain("large", 900);
        var huge = WriteDomain("huge", 2000);
        new CorpusManifest(CorpusManifest.CurrentSchema, [small, large, huge]).Write(folder.Path);
        var corpus = CorpusDirectory.Open(folder.Path);
        var sample = BalancedSample.Read(corpus, corpus.Domains, 100_000).GroupBy(d => d.Id.Split('/')[0]).ToDictionary(g => g.Key,
            g => g.Sum(d => d.Text.Length));
        Assert.Equal(3000, sample["small"]);
        Assert.InRange(sample["large"], 43_000, 54_000);
        Assert.InRange(sample["huge"], 43_000, 54_000);
        Assert.Equal(2930, BalancedSample.Read(corpus, corpus.Domains, 10_000_000).Count());
    }

    private static CorpusDomain Domain(string name)
    {
        CorpusShard Shard(string split) => new($"{name}/{split}.jsonl", 1, 1, 10, Hash);
        return new CorpusDomain(name, CorpusRole.Train, [new CorpusSource("apt", "pack", "1.0", Hash)], "free", 1, null, 3, 3,
            Shard("train"), Shard("validation"), Shard("test"));
    }

    private static JsonNode Json()
    {
        using var scratch = new TemporaryFolder();
        new CorpusManifest(CorpusManifest.CurrentSchema, [Domain("alpha")]).Write(scratch.Path);
        return JsonNode.Parse(File.ReadAllText(Path.Combine(scratch.Path, "corpus.json")))!;
    }

    private CorpusManifest Parse(string json) => CorpusManifest.Parse(Encoding.UTF8.GetBytes(json), "corpus.json", folder.Path);

    private CorpusDomain WriteDomain(string name, int documents)
    {
        var lines = string.Concat(Enumerable.Range(0, documents)
            .Select(i => $"{{\"id\":\"{name}/{i}\",\"text\":\"{new string('x', 100)}\"}}\n"));
        folder.Write($"{name}/train.jsonl", lines);
        folder.Write($"{name}/validation.jsonl", "");
        folder.Write($"{name}/test.jsonl", "");
        var domain = Domain(name);
        return domain with
        {
            Train = domain.Train with { Documents = documents, Bytes = documents * 100, FileBytes = lines.Length },
            Validation = domain.Validation with { Documents = 0, Bytes = 0, FileBytes = 0 },
            Test = domain.Test with { Documents = 0, Bytes = 0, FileBytes = 0 },
        };
    }
}
