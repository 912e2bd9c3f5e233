using System.Diagnostics;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Chaos;

/// <summary>One change at a time: who comes second is told so, and nothing else happens.</summary>
public sealed class ConcurrentChangesTests
{
    private static readonly string[] Base = ["alpha", "beta", "gamma"];

    [Fact]
    public async Task A_second_change_is_refused_whatever_it_is()
    {
        using var forest = new ChaosForest(Base);
        await using var server = await ServerProcess.StartAsync(forest, $"change:built=hold:{forest.At("go")}");
        var load = Load.EveryMode(server, null);
        var called = Stopwatch.GetTimestamp();
        var first = server.AddAsync("delta", forest.Guest("delta"));
        await server.ReachedAsync("change:built");
        var before = await server.ListAsync();
        foreach (var second in new[]
        {
            server.RemoveAsync("beta"), server.RemoveAsync("beta", purge: true), server.AddAsync("epsilon", forest.Guest("epsilon")),
                server.AddAsync("delta", forest.Guest("delta")),
            server.AverageAsync("pair", "alpha", "beta"), server.RollbackAsync(),
        })
        {
            var status = await Changes.RefusalAsync(second);
            Assert.Equal(StatusCode.Aborted, status.StatusCode);
            Assert.Contains("c000001", status.Detail, StringComparison.Ordinal);
        }

        Assert.Equal(before, await server.ListAsync());
        await load.EndedAsync(3);
        await File.WriteAllTextAsync(forest.At("go"), "", TestContext.Current.CancellationToken);
        await first;
        var returned = Stopwatch.GetTimestamp();
        await load.EndedAsync(6);
        await new Verdict { Before = Base, After = [.. Base, "delta"], Change = (called, returned) }.AssertAsync(await load.StopAsync());
        await StateCheck.ServesAsync(server, forest, [.. Base, "delta"]);
        Assert.Equal("add", Assert.Single(await server.HistoryAsync()).Kind);
    }

    [Fact]
    public async Task A_parent_cannot_leave_with_its_descendants_while_a_child_is_added()
    {
        using var forest = new ChaosForest(Base);
        await using var server =
            await ServerProcess.StartAsync(forest, $"change:built=hold:{forest.At("child")}", $"change:built=hold:{forest.At("parent")}");
        var child = server.AddAsync("child", forest.Guest("child"), new Parent { Name = "alpha", Weight = 1 });
        await server.ReachedAsync("change:built");
        var refused = await Changes.RefusalAsync(server.RemoveAsync("alpha", lineage: LineagePolicy.Cascade));
        Assert.Contains("child", refused.Detail, StringComparison.Ordinal);
        await File.WriteAllTextAsync(forest.At("child"), "", TestContext.Current.CancellationToken);
        await child;

        var parent = server.RemoveAsync("alpha", lineage: LineagePolicy.Cascade);
        await server.ReachedAsync("change:built", before: 1);
        refused = await Changes.RefusalAsync(server.AddAsync("grandchild", forest.Guest("grandchild"),
            new Parent { Name = "child", Weight = 1 }));
        Assert.Equal(StatusCode.Aborted, refused.StatusCode);
        await File.WriteAllTextAsync(forest.At("parent"), "", TestContext.Current.CancellationToken);
        await parent;
        await StateCheck.ServesAsync(server, forest, "beta", "gamma");

        refused = await Changes.RefusalAsync(server.RemoveAsync("child"));
        Assert.Contains("removed", refused.Detail, StringComparison.Ordinal);
        await server.RemoveAsync("beta");
        refused = await Changes.RefusalAsync(server.RemoveAsync("gamma"));
        Assert.Contains("last expert", refused.Detail, StringComparison.Ordinal);
        await StateCheck.ServesAsync(server, forest, "gamma");
    }
}
