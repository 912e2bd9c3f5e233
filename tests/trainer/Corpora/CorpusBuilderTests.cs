using Btx.Cli;
using Btx.Model;
using Btx.Trainer.Corpora;
using Btx.Trainer.Corpora.Extraction;
using Btx.Trainer.Corpora.Packages;
using Btx.Trainer.Corpora.Recipes;

namespace Btx.Trainer.Tests.Corpora;

public sealed class CorpusBuilderTests : IDisposable
{
    private static readonly CorpusSplit[] Splits = Enum.GetValues<CorpusSplit>();
    private readonly TemporaryFolder folder = new();
    private readonly StringWriter output = new();

    private string Out => Path.Combine(folder.Path, "corpus");

    public void Dispose()
    {
        folder.Dispose();
        output.Dispose();
    }

    [Fact]
    public async Task Domains_are_built_and_read_back()
    {
        await BuildAsync(Fetcher("alpha", "beta"), Request("alpha"), Request("beta", CorpusRole.Eval));
        var corpus = CorpusDirectory.Open(Out);
        Assert.Equal(["alpha", "beta"], corpus.Domains.Select(d => d.Name));
        Assert.Equal(CorpusRole.Eval, corpus.Domain("beta").Role);
        Assert.Equal("apt alpha 1.0", corpus.Domain("alpha").Source);
        var alpha = corpus.Domain("alpha");
        Assert.All(Splits, s => Assert.True(CorpusDirectory.IsWhole(Out, alpha[s])));
        var documents = Splits.ToDictionary(s => s, s => corpus.Read("alpha", s).ToList());
        Assert.Equal(40, documents.Values.Sum(d => d.Count));
        Assert.Equal(alpha.Documents, documents.Values.Sum(d => d.Count));
        foreach (var split in Splits)
        {
            Assert.Equal(alpha[split].Documents, documents[split].Count);
            Assert.Equal(alpha[split].Bytes, documents[split].Sum(d => (long)System.Text.Encoding.UTF8.GetByteCount(d.Text)));
        }

        Assert.Equal(40, documents.Values.SelectMany(d => d.Select(x => x.Id)).Distinct().Count());
        Assert.Contains(documents[CorpusSplit.Train], d => d.Text.Contains("Öl \"quoted\" \U0001F33E", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_package_that_cannot_be_had_does_not_stop_the_rest()
    {
        var outcomes = await BuildAsync(Fetcher("alpha", "gamma"), Request("alpha"), Request("beta"), Request("gamma"));
        Assert.Equal("apt package beta cannot be had: no network", outcomes[1].Error);
        Assert.Equal(["alpha", "gamma"], CorpusDirectory.Open(Out).Domains.Select(d => d.Name));
        Assert.Contains("beta: failed: apt package beta cannot be had: no network", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_finished_domain_is_not_made_again_unless_its_files_changed()
    {
        await BuildAsync(Fetcher("alpha", "beta"), Request("alpha"), Request("beta"));
        var second = Fetcher("alpha", "beta");
        var outcomes = await BuildAsync(second, Request("alpha"), Request("beta"));
        Assert.All(outcomes, o => Assert.True(o.Reused));
        Assert.Equal(0, second.Fetches);

        var shard = Path.Combine(Out, "alpha", "test.jsonl");
        var text = await File.ReadAllTextAsync(shard, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(shard, text.Replace("alpha", "aleph", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        Assert.False(CorpusDirectory.IsWhole(Out, CorpusDirectory.Open(Out).Domain("alpha").Test));
        outcomes = await BuildAsync(second, Request("alpha"), Request("beta"));
        Assert.Equal([false, true], outcomes.Select(o => o.Reused));
        Assert.Equal(text, await File.ReadAllTextAsync(shard, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Another_cap_or_role_makes_a_domain_again()
    {
        await BuildAsync(Fetcher("alpha"), Request("alpha"));
        var capped = await BuildAsync(Fetcher("alpha"), Request("alpha") with { LimitBytes = 6000 });
        Assert.False(capped[0].Reused);
        Assert.InRange(capped[0].Domain!.Bytes, 3000, 8000);
        Assert.False((await BuildAsync(Fetcher("alpha"), Request("alpha", CorpusRole.Eval)))[0].Reused);
    }

    [Fact]
    public async Task A_run_goes_on_after_a_killed_one()
    {
        await BuildAsync(Fetcher("alpha"), Request("alpha"));
        // What a kill leaves: half-unpacked packages, a half-written domain, a half-written manifest, a domain the manifest lacks.
        folder.Write("corpus/.beta.abc.tmp/beta/file.txt", "half");
        folder.Write("corpus/.beta.12.abc.tmp/train.jsonl", "{\"id\":");
        folder.Write("corpus/.corpus.json.12.abc.tmp", "{");
        folder.Write("corpus/beta/train.jsonl", "{\"id\":\"stale\",\"text\":\"stale\"}\n");
        var outcomes = await BuildAsync(Fetcher("alpha", "beta"), Request("alpha"), Request("beta"));
        Assert.Equal([true, false], outcomes.Select(o => o.Reused));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Out, ".*.tmp*"));
        Assert.DoesNotContain(CorpusDirectory.Open(Out).Read("beta", CorpusSplit.Train), d => d.Id == "stale");
    }

    [Fact]
    public async Task Cancellation_keeps_finished_domains_and_leaves_nothing_half_written()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var fetcher = new FakeFetcher(Packages("alpha", "beta")) { BeforeFetch = name => { if (name == "beta") stop.Cancel(); } };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            BuildAsync(fetcher, 1, stop.Token, Request("alpha"), Request("beta")));
        Assert.Equal(["alpha"], CorpusDirectory.Open(Out).Domains.Select(d => d.Name));
        Assert.Equal([".lock", "alpha", "corpus.json"],
            Directory.EnumerateFileSystemEntries(Out).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_package_laid_out_in_another_way_fails_with_one_line()
    {
        var fetcher = new FakeFetcher(new Dictionary<string, IReadOnlyDictionary<string, string>>
        {
            ["alpha"] = new Dictionary<string, string> { ["elsewhere/x.md"] = "x" }
        });
        var outcome = Assert.Single(await BuildAsync(fetcher, Request("alpha")));
        Assert.Contains("laid out in another way", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', outcome.Error!);
        Assert.False(Directory.Exists(Path.Combine(Out, "alpha")));
    }

    [Fact]
    public async Task A_folder_of_the_users_own_is_a_domain_and_is_made_again_when_it_changes()
    {
        for (var i = 0; i < 5; i++) folder.Write($"mine/{i}.txt", $"note {i}");
        var request = DomainRequest.OwnFolder("mine", Path.Combine(folder.Path, "mine"), CorpusRole.Train, null);
        Assert.Equal(5, (await BuildAsync(Fetcher(), request))[0].Domain!.Documents);
        Assert.True((await BuildAsync(Fetcher(), request))[0].Reused);
        folder.Write("mine/5.txt", "note 5");
        var again = (await BuildAsync(Fetcher(), request))[0];
        Assert.False(again.Reused);
        Assert.Equal(6, again.Domain!.Documents);
        Assert.Equal("folder mine", again.Domain.Source);
    }

    [Fact]
    public async Task One_long_text_is_a_domain_and_its_notes_are_kept_and_said_again()
    {
        folder.Write("mine/book.txt", string.Join(' ', Enumerable.Range(0, 20_000)));
        folder.Write("mine/bad.jsonl", "{\"text\": 1}\n");
        folder.Write("mine/x.pdf", "x");
        var request = DomainRequest.OwnFolder("mine", Path.Combine(folder.Path, "mine"), CorpusRole.Train, null);
        var domain = (await BuildAsync(Fetcher(), request))[0].Domain!;
        Assert.InRange(domain.Test.Bytes / (double)domain.Bytes, 0.04, 0.06);
        Assert.InRange(domain.Train.Bytes / (double)domain.Bytes, 0.88, 0.92);
        var ids = Splits.SelectMany(s => CorpusDirectory.Open(Out).Read("mine", s)).Select(d => d.Id).ToArray();
        Assert.Equal(ids.Length, ids.Distinct().Count());
        var again = (await BuildAsync(Fetcher(), request))[0];
        Assert.True(again.Reused);
        Assert.Equal(domain.Notes.Select(n => n.ToString()), again.Domain!.Notes.Select(n => n.ToString()));
        foreach (var said in (string[])["1 files of no known text format, left out: x.pdf", "bad.jsonl:1: no string",
            "1 long documents divided", "of validation text are little"])
            Assert.Equal(2, output.ToString().Split(said).Length - 1);
        Assert.Contains("bad.jsonl:1: no string", (await BuildAsync(Fetcher(), request with { Strict = true }))[0].Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Duplicates_are_left_out_and_near_duplicates_counted()
    {
        string Text(int i) => string.Join(". ",
            Enumerable.Range(0, 40).Select(s => $"This is sentence {s} of a text that is called number {(s == 7 ? i : 0)}"));
        folder.Write("mine/lines.jsonl", string.Concat(Enumerable.Range(0, 9).Select(i => $"{{\"text\": \"{Text(i % 8)}\"}}\n")));
        var notes = (await BuildAsync(Fetcher(),
            DomainRequest.OwnFolder("mine", Path.Combine(folder.Path, "mine"), CorpusRole.Train, null)))[0].Domain!.Notes;
        Assert.Contains(notes, n => n is { What: "exact duplicates, left out", Count: 1 });
        Assert.Contains(notes, n => n is { What: "documents that mostly repeat others, kept", Count: 7 });
    }

    [Fact]
    public async Task Two_documents_are_too_few_for_a_domain()
    {
        folder.Write("mine/0.txt", "a");
        folder.Write("mine/1.txt", "b");
        var outcome = (await BuildAsync(Fetcher(),
            DomainRequest.OwnFolder("mine", Path.Combine(folder.Path, "mine"), CorpusRole.Train, null)))[0];
        Assert.Contains("2 usable documents", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_process_is_kept_out()
    {
        Directory.CreateDirectory(Out);
        await using var other = new FileStream(Path.Combine(Out, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        Assert.Contains("in use by another process",
            (await Assert.ThrowsAsync<BtxException>(() => BuildAsync(Fetcher("alpha"), Request("alpha")))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_full_set_has_eight_domains_of_each_role_and_unique_names()
    {
        Assert.Equal(8, RecipeCatalogue.Full.Count(r => r.Role == CorpusRole.Train));
        Assert.Equal(8, RecipeCatalogue.Full.Count(r => r.Role == CorpusRole.Eval));
        Assert.Equal(16, RecipeCatalogue.Full.Select(r => r.Name).Distinct().Count());
        Assert.All(RecipeCatalogue.Full, r => CorpusManifest.CheckName(r.Name, "recipe"));
        Assert.All(RecipeCatalogue.Demo, r => Assert.Contains(r, RecipeCatalogue.Full));
        Assert.Contains("novels", Assert.Throws<BtxException>(() => RecipeCatalogue.Select(RecipeCatalogue.Demo, ["klingon"])).Message,
            StringComparison.Ordinal);
    }

    private static FakeFetcher Fetcher(params string[] names) => new(Packages(names));

    private static Dictionary<string, IReadOnlyDictionary<string, string>> Packages(params string[] names) => names.ToDictionary(
        name => name,
        name => (IReadOnlyDictionary<string, string>)Enumerable.Range(0, 40).ToDictionary(
            i => $"text/{i}.md",
            i => $"{name} document {i} with Öl \"quoted\" \U0001F33E\n"
                + string.Concat(Enumerable.Range(0, 60).Select(w => $"w{i * w} "))));

    private static DomainRequest Request(string name, CorpusRole role = CorpusRole.Train) => DomainRequest.Of(
        new DomainRecipe(name, role, "none", [SourcePackage.Apt(name)], 100, 10_000,
            (folder, _) => SourceFiles.Read($"{folder[0]}/text", ".md")), null);

    private Task<IReadOnlyList<DomainOutcome>> BuildAsync(FakeFetcher fetcher, params DomainRequest[] requests) =>
        BuildAsync(fetcher, 3, TestContext.Current.CancellationToken, requests);

    private async Task<IReadOnlyList<DomainOutcome>> BuildAsync(FakeFetcher fetcher, int parallel, CancellationToken cancellation,
        params DomainRequest[] requests)
    {
        using var display = new ProgressDisplay(output, output);
        return await new CorpusBuilder(fetcher, display, parallel).BuildAsync(Out, requests, cancellation);
    }
}
