using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Registry;

namespace Btx.Exporter.Tests;

/// <summary>An export does not erase what a served forest remembers, by whatever path it comes to it.</summary>
public sealed class ServedHistoryTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly ExportOptions options;

    public ServedHistoryTests()
    {
        options = new ExportOptions { Forest = directory["forest"], Out = directory["served"], Threads = 1 };
        new TinyForest { Experts = 1 }.Write(options.Forest);
        ForestExporter.Export(options);
        Directory.CreateSymbolicLink(directory["link"], options.Out);
    }

    private string[] Spellings => [options.Out, options.Out + "/", options.Out + "/../served", directory["link"], directory["link"] + "/"];

    public void Dispose() => directory.Dispose();

    private string Refusal(string target) =>
        Assert.Throws<BtxException>(() => ForestExporter.Export(options with { Out = target })).Message;

    [Theory]
    [InlineData(ChangeJournal.FileName)]
    [InlineData(ChangeJournal.HeadName)]
    [InlineData(CertificateSigner.KeyName)]
    [InlineData(RemovalCertificate.DirectoryName)]
    public void A_served_forest_with_a_history_is_not_replaced(string history)
    {
        var path = Path.Combine(options.Out, history);
        if (history == RemovalCertificate.DirectoryName) Directory.CreateDirectory(path);
        else File.WriteAllText(path, "of value");
        foreach (var spelling in Spellings)
        {
            Assert.Contains($"was served and has {history}, the record of its changes", Refusal(spelling));
            Assert.Contains("btx experts add", Refusal(spelling));
        }

        Assert.True(Path.Exists(path));
    }

    [Fact]
    public void One_that_was_never_served_is()
    {
        File.WriteAllText(Path.Combine(options.Out, "stray"), "");
        ForestExporter.Export(options);
        Assert.False(File.Exists(Path.Combine(options.Out, "stray")));
    }

    [Fact]
    public void It_is_not_replaced_under_its_server_and_none_starts_during_an_export()
    {
        using (ForestLock.Take(options.Out))
        {
            File.Delete(Path.Combine(options.Out, ForestLock.FileName));
            Assert.All(Spellings, s => Assert.Contains("is served by another process", Refusal(s)));
        }

        var tried = false;
        ForestExporter.Export(options, new Reporter(p =>
        {
            if (tried || !p.Doing.Contains("checking")) return;
            tried = true;
            Assert.Contains("is served by another process", Assert.Throws<BtxException>(() => ForestLock.Take(directory["link"])).Message);
        }));
        Assert.True(tried);
    }

    [Fact]
    public void A_history_that_comes_during_an_export_is_kept()
    {
        var second = options with { Out = directory["second"] };
        var begin = new Reporter(p =>
        {
            if (!p.Doing.Contains("checking")) return;
            Directory.CreateDirectory(second.Out);
            File.WriteAllText(Path.Combine(second.Out, ChangeJournal.FileName), "of value");
        });
        Assert.Contains("was served and has forest.journal",
            Assert.Throws<BtxException>(() => ForestExporter.Export(second, begin)).Message);
        Assert.Equal("of value", File.ReadAllText(Path.Combine(second.Out, ChangeJournal.FileName)));
    }

    [Fact]
    public void The_forest_lists_its_served_exports()
    {
        ForestExporter.Export(options with { Out = directory["second"] });
        Assert.Equal([directory["second"], options.Out], ServedExports.Of(options.Forest).Order(StringComparer.Ordinal));
        Directory.Delete(directory["second"], recursive: true);
        Assert.Equal([options.Out], ServedExports.Of(options.Forest));
    }

    private sealed class Reporter(Action<ExportProgress> report) : IProgress<ExportProgress>
    {
        public void Report(ExportProgress value) => report(value);
    }
}
