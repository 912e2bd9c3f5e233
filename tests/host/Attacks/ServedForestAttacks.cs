using Btx.Exporter;
using Btx.Model;
using Btx.Model.Registry;
using Btx.Server.Tests.Chaos;

namespace Btx.Server.Tests.Attacks;

/// <summary>What would erase or falsify what a served forest remembers, while it is served.</summary>
[Collection(AttackedServer.Name)]
public sealed class ServedForestAttacks(AttackedServer server)
{
    [Fact]
    public async Task An_export_over_it_by_any_path()
    {
        var link = server.Forest.At("link");
        Directory.CreateSymbolicLink(link, server.Forest.Served);
        var journal = await File.ReadAllBytesAsync(server.Forest.Journal, TestContext.Current.CancellationToken);
        foreach (var target in new[] { server.Forest.Served, server.Forest.Served + "/", link, $"/proc/self/root{server.Forest.Served}" })
        {
            var refused = Assert.Throws<BtxException>(() =>
                ForestExporter.Export(new() { Forest = server.Forest.Source, Out = target, Threads = 1 }));
            Assert.Contains("was served and has forest.journal, the record of its changes", refused.Message, StringComparison.Ordinal);
        }

        Directory.Delete(link);
        Assert.Equal(journal, await File.ReadAllBytesAsync(server.Forest.Journal, TestContext.Current.CancellationToken));
        await server.OthersAreAnsweredAsync();
    }

    [Fact]
    public async Task A_second_server_after_the_lock_file_was_removed()
    {
        File.Delete(Path.Combine(server.Forest.Served, ForestLock.FileName));
        await using var second = await ServerProcess.LaunchAsync(server.Forest);
        Assert.False(second.Started);
        Assert.Contains("is served by another process", Assert.Single(second.Errors), StringComparison.Ordinal);
        await server.OthersAreAnsweredAsync();
    }

    [Fact]
    public async Task An_expert_that_is_named_as_the_seed_model()
    {
        var refusal = await Chaos.Changes.RefusalAsync(server.Process.AddAsync("seed", server.Forest.Guest("delta")));
        Assert.StartsWith("\"seed\" is reserved: every lineage calls the seed model so", refusal.Detail, StringComparison.Ordinal);
        await server.OthersAreAnsweredAsync();
    }
}
