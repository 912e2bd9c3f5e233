using Btx.Model.Registry;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Chaos;

/// <summary>
/// Kills a server at a point of a change, starts it again, and checks what it is then; that server is the next to be killed.
/// </summary>
internal sealed class KillChain : IAsyncDisposable
{
    /// <summary>Killed here, the change has not happened.</summary>
    private static readonly string[] Undone = ["change:validated", "begin:writing", "begin:written", "begin:synced", "begin:signed",
        "change:built", "commit:writing"];

    private readonly ChaosForest _forest;
    private ServerProcess _server;

    private KillChain(ChaosForest forest, ServerProcess server) => (_forest, _server) = (forest, server);

    public static async Task<KillChain> StartAsync(ChaosForest forest, string firstPoint) =>
        new(forest, await ServerProcess.StartAsync(forest, Exit(firstPoint)));

    /// <summary>Makes changes of these kinds.</summary>
    /// <returns>By kind the points that it passes, in order.</returns>
    public static async Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> PointsAsync(ChaosForest forest,
        params IReadOnlyList<string> kinds)
    {
        var points = new Dictionary<string, IReadOnlyList<string>>();
        await using var server = await ServerProcess.StartAsync(forest,
            FaultPointNames.All.SelectMany(p => kinds.Select(_ => $"{p}=sleep:0")));
        var chain = new KillChain(forest, server);
        for (var i = 0; i < kinds.Count; i++)
        {
            var before = server.Errors.Count;
            await chain.ChangeAsync(kinds[i]);
            await server.ReachedAsync("change:finished", i);
            points[kinds[i]] = [.. server.Errors.Skip(before).Where(e => e.StartsWith("fault point ", StringComparison.Ordinal))
                .Select(e => e.Split(": sleep")[0]["fault point ".Length..])];
        }

        return points;
    }

    /// <param name="next">Where the server that is started then is to be killed; null: nowhere.</param>
    public async Task KillAsync(string kind, string point, string? next)
    {
        var title = $"{kind} killed at {point}";
        var before = await _server.ListAsync();
        var load = new Load(_server, 2, (client, number) => Load.Request(new(), client + (10 * number), 10, 20));
        await load.DecodingAsync();
        var failure = await Assert.ThrowsAsync<RpcException>(() => ChangeAsync(kind));
        Assert.True(failure.StatusCode is StatusCode.Unavailable or StatusCode.Internal
            or StatusCode.Cancelled, $"{title}: {failure.Status}");
        Assert.Equal(137, await _server.EndAsync());
        Assert.Contains($"fault point {point}: exit", _server.Errors);
        await load.StopAsync();
        await _server.DisposeAsync();

        _server = await ServerProcess.LaunchAsync(_forest, next is null ? [] : [Exit(next)]);
        Assert.True(_server.Started, $"{title}: {string.Join('\n', _server.Errors)}");
        var last = (await _server.HistoryAsync())[^1];
        var hash = await StateCheck.IsWellAsync(_server, _forest);
        var committed = last.Outcome == ChangeOutcome.Committed && last.StateBeforeSha256 == before.StateSha256;
        Assert.True(
            hash == (committed ? last.StateAfterSha256 : before.StateSha256), $"{title}: neither the state before nor the one after");
        if (Undone.Contains(point)) Assert.False(committed, title);
        else if (point != "commit:written") Assert.True(committed, title);
        foreach (var average in (await _server.Forest.ListAveragesAsync(new())).Averages)
        {
            var request = Load.Request(new() { Mode = Mode.Average, AverageName = average.Name }, 0, 10, 3);
            Assert.True(await _server.Inference.Generate(request).ResponseStream.ReadAllAsync().CountAsync() >= 3, title);
        }
    }

    /// <summary>Makes a change that the next kill needs; the server survives it.</summary>
    public Task PrepareAsync(string kind) => ChangeAsync(kind);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static string Exit(string point) => $"{point}=exit";

    private async Task ChangeAsync(string kind)
    {
        switch (kind)
        {
            case "add":
                await _server.AddGuestAsync(_forest);
                break;
            case "average":
                var there = (await _server.Forest.ListAveragesAsync(new())).Averages.Select(a => a.Name).ToHashSet();
                await _server.AverageAsync(Enumerable.Range(1, 99).Select(n => $"pair-{n}").First(n => !there.Contains(n)),
                    "alpha", "beta");
                break;
            case "rollback":
                await _server.RollbackAsync();
                break;
            default:
                await _server.RemoveAsync((await _server.ListAsync()).Experts[^1].Name, purge: kind == "purge");
                break;
        }
    }
}
