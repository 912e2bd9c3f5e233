using Btx.Model.Registry;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Chaos;

/// <summary>
/// Kill -9 wherever a record stands on the disk and what follows from it does not: the server starts with the forest before or after
/// the change, whole. Kinds of change that pass a point take turns at it. The registry's own tests see each kind die at every point,
/// with the files as they lie then; here a process dies, with requests under way. Classes run side by side.
/// </summary>
internal static class Kills
{
    public static IEnumerable<string> OfChanges => FaultPointNames.All.Except(FaultPointNames.OfStart).Except(FaultPointNames.OfFailure);

    /// <summary>Of the four points of each record the one at which its file has it and nothing has told of it.</summary>
    public static bool IsChosen(string point) => point.StartsWith("change:", StringComparison.Ordinal)
        ? point is not ("change:validated" or "change:finished") : point.EndsWith(":written", StringComparison.Ordinal);

    /// <summary>One kind for each point: of those that pass it the one whose turn it is. The last point comes first: a server that does
    /// what the one before it left to do does not pass its own.</summary>
    public static (string Kind, string Point)[] InTurns(IReadOnlyDictionary<string, IReadOnlyList<string>> points,
        params IReadOnlyList<string> kinds) =>
        [.. kinds.SelectMany(k => points[k]).Distinct().Where(IsChosen)
        .Select((p, i) => (kinds.Where(k => points[k].Contains(p)).ToArray() is var passing ? passing[i % passing.Length] : "", p))
        .Reverse()];
}

/// <inheritdoc cref="Kills"/>
public sealed class KilledChangeTests
{
    [Fact]
    public async Task Additions_and_removals()
    {
        using var forest = new ChaosForest("alpha", "beta");
        var points = await KillChain.PointsAsync(forest, "add", "remove", "add", "purge", "add", "add", "add");
        Assert.Equal(Kills.OfChanges.Order(), points.Values.SelectMany(p => p).Distinct().Order());
        var kills = Kills.InTurns(points, "add", "purge", "remove");
        await using var chain = await KillChain.StartAsync(forest, kills[0].Point);
        for (var i = 0; i < kills.Length; i++)
        {
            if (!points["add"].Contains(kills[i].Point)) await chain.PrepareAsync("add");
            await chain.KillAsync(kills[i].Kind, kills[i].Point, i + 1 < kills.Length ? kills[i + 1].Point : null);
        }
    }
}

/// <inheritdoc cref="Kills"/>
public sealed class KilledAverageTests
{
    [Fact]
    public async Task Averages_and_rollbacks()
    {
        using var forest = new ChaosForest("alpha", "beta", "gamma");
        var points = await KillChain.PointsAsync(forest, "average", "rollback", "average"); // the first to be rolled back
        Assert.Equal(points["average"], points["rollback"]);
        var kills = Kills.InTurns(points, "average", "rollback");
        await using var chain = await KillChain.StartAsync(forest, kills[0].Point);
        for (var i = 0; i < kills.Length; i++)
            await chain.KillAsync(kills[i].Kind, kills[i].Point, i + 1 < kills.Length ? kills[i + 1].Point : null);
    }
}

/// <inheritdoc cref="Kills"/>
public sealed class KilledStartTests
{
    [Fact]
    public async Task The_first_start()
    {
        using var forest = new ChaosForest("alpha", "beta");
        foreach (var point in FaultPointNames.OfStart)
        {
            File.Delete(forest.Journal);
            File.Delete(Path.Combine(forest.Served, ChangeJournal.HeadName));
            await AssertDiesAsync(forest, point);
            // power loss
            if (point == "open:written")
                await File.WriteAllBytesAsync(forest.Journal, (await File.ReadAllBytesAsync(forest.Journal,
                    TestContext.Current.CancellationToken))[..50], TestContext.Current.CancellationToken);
            await using var server = await ServerProcess.StartAsync(forest);
            await StateCheck.ServesAsync(server, forest, "alpha", "beta");
        }
    }

    [Fact]
    public async Task The_start_that_cleans_up()
    {
        using var forest = new ChaosForest("alpha", "beta", "gamma", "delta");
        foreach (var point in FaultPointNames.OfFailure.Where(Kills.IsChosen))
        {
            await DieInAsync(forest, "commit:writing", "delta");
            await AssertDiesAsync(forest, point);
        }

        await using (var server = await ServerProcess.StartAsync(forest))
        {
            Assert.Equal(FaultPointNames.OfFailure.Where(Kills.IsChosen).Select(_ => ChangeOutcome.Interrupted),
                (await server.HistoryAsync()).Select(c => c.Outcome));
            await StateCheck.ServesAsync(server, forest, "alpha", "beta", "gamma", "delta");
        }

        await DieInAsync(forest, "change:committed", "delta");
        foreach (var point in Kills.OfChanges.Where(FaultPointNames.IsOfRemovals).Where(Kills.IsChosen))
        {
            // a point that was passed for good does not come again
            await using var server = await ServerProcess.LaunchAsync(forest, $"{point}=exit");
            if (server.Started) await StateCheck.IsWellAsync(server, forest);
            else Assert.Contains($"fault point {point}: exit", server.Errors);
        }

        await using var last = await ServerProcess.StartAsync(forest);
        await StateCheck.ServesAsync(last, forest, "alpha", "beta", "gamma");
        Assert.False(Directory.Exists(Path.Combine(forest.Source, "experts/delta")));
    }

    private static async Task DieInAsync(ChaosForest forest, string point, string purged)
    {
        await using var server = await ServerProcess.StartAsync(forest, $"{point}=exit");
        await Assert.ThrowsAsync<RpcException>(() => server.RemoveAsync(purged, purge: true));
        Assert.Equal(137, await server.EndAsync());
    }

    private static async Task AssertDiesAsync(ChaosForest forest, string point)
    {
        await using var server = await ServerProcess.LaunchAsync(forest, $"{point}=exit");
        Assert.False(server.Started);
        Assert.Contains($"fault point {point}: exit", server.Errors);
    }
}
