using System.Text.Json;
using Btx.Trainer.Corpora;
using Btx.Trainer.Corpora.Packages;

namespace Btx.Trainer.Tests.Corpora;

/// <summary>The program itself: exit codes and messages.</summary>
public sealed class CorpusCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("corpus", "--out", "x")]
    [InlineData("corpus", "--set", "huge", "--out", "x")]
    [InlineData("corpus", "--set", "demo")]
    [InlineData("corpus", "--set", "demo", "--limit-mb", "-1", "--out", "x")]
    [InlineData("corpus", "--domains", "novels", "--domain", "a=b", "--out", "x")]
    [InlineData("corpus", "--domain", "law", "--out", "x")]
    [InlineData("corpus", "--domain", "law=", "--out", "x")]
    [InlineData("corpus", "--set", "demo", "--out", "")]
    [InlineData("train", "finetune", "--model", "", "--corpus", "x", "--tokens", "1", "--out", "y")]
    [InlineData("tokenizer", "train", "--corpus", "x", "--vocab-size", "256", "--out", "y")]
    public async Task Wrong_usage_exits_with_2_and_says_what_is_wrong(params string[] arguments)
    {
        var output = await RunAsync(arguments);
        Assert.Equal(2, output.ExitCode);
        Assert.StartsWith("error: ", output.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_becomes_a_corpus_and_a_tokenizer()
    {
        for (var i = 0; i < 30; i++)
            folder.Write($"mine/{i}.txt", string.Concat(Enumerable.Range(0, 50).Select(w => $"the word {w % (i + 2)} again and again ")));
        string corpus = Path.Combine(folder.Path, "corpus"), json = Path.Combine(folder.Path, "figures.json");
        var built = await RunAsync("corpus", "--domain", $"mine={Path.Combine(folder.Path, "mine")}", "--out", corpus, "--json", json);
        Assert.Equal(0, built.ExitCode);
        Assert.Equal(30, CorpusDirectory.Open(corpus).Domain("mine").Documents);
        Assert.Equal(30, JsonDocument.Parse(File.ReadAllText(json)).RootElement.GetProperty("domains").GetProperty("mine")
            .GetProperty("documents").GetInt32());
        var trained = await RunAsync("tokenizer", "train", "--corpus", corpus, "--vocab-size", "280", "--out",
            Path.Combine(folder.Path, "tokenizer"));
        Assert.Equal(0, trained.ExitCode);
        Assert.DoesNotContain((byte)0x1b, trained.Output);
        Assert.Equal(0, (await RunAsync("tokenizer", "show", Path.Combine(folder.Path, "tokenizer"), "--text", "again")).ExitCode);
    }

    [Fact]
    public async Task A_failure_exits_with_1_and_one_line()
    {
        var output = await RunAsync("corpus", "--domain", $"none={Path.Combine(folder.Path, "none")}", "--out",
            Path.Combine(folder.Path, "corpus"));
        Assert.Equal(1, output.ExitCode);
        Assert.StartsWith("error: 1 of 1 domains could not be built: none", output.Errors, StringComparison.Ordinal);
        Assert.Single(output.Errors.TrimEnd('\n').Split('\n'));
        Assert.False(Directory.Exists(Path.Combine(folder.Path, "corpus")));
    }

    private static Task<ToolOutput> RunAsync(params string[] arguments) =>
        new ExternalTool("dotnet", "dotnet-sdk-10.0").RunAsync(
            [typeof(CorpusDirectory).Assembly.Location, .. arguments], cancellation: TestContext.Current.CancellationToken);
}
