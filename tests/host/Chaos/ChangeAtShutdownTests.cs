using System.Diagnostics;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Chaos;

/// <summary>The server is told to stop in the middle of a change.</summary>
public sealed class ChangeAtShutdownTests
{
    private static readonly string[] Base = ["alpha", "beta", "gamma"];

    [Theory]
    [InlineData("remove", "begin:synced")]
    [InlineData("remove", "change:built")]
    [InlineData("remove", "change:committed")]
    [InlineData("remove", "change:swapped")]
    [InlineData("add", "change:built")]
    [InlineData("add", "change:committed")]
    public async Task It_finishes_or_gives_up_and_the_requests_finish(string kind, string point)
    {
        using var forest = new ChaosForest(Base);
        string[] after = kind == "add" ? [.. Base, "delta"] : ["alpha", "gamma"];
        string before;
        bool done;
        await using (var server = await ServerProcess.StartAsync(forest, $"{point}=hold:{forest.At("go")}"))
        {
            before = (await server.ListAsync()).StateSha256;
            var load = Load.EveryMode(server, null, first: 90, tokens: 90);
            var called = Stopwatch.GetTimestamp();
            var change = kind == "add" ? server.AddAsync("delta", forest.Guest("delta")) : server.RemoveAsync("beta");
            await server.ReachedAsync(point);
            await load.DecodingAsync();
            server.Terminate();
            while (await IsWellAsync(server)) await Task.Delay(5, TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(forest.At("go"), "", TestContext.Current.CancellationToken);
            Assert.Equal(0, await server.EndAsync());
            try
            {
                await change;
                done = true;
            }
            catch (RpcException e)
            {
                Assert.NotEqual(StatusCode.Internal, e.StatusCode);
                done = false;
            }

            var records = await load.StopAsync();
            Assert.True(records.Count(r => r.Finish == FinishReason.Length) >= 6);
            await new Verdict
            {
                Before = Base,
                After = after,
                Change = (called, Stopwatch.GetTimestamp()),
                Stopping = true
            }.AssertAsync(records);
        }

        await using var again = await ServerProcess.StartAsync(forest);
        var names = (await again.ListAsync()).Experts.Select(e => e.Name).ToList();
        if (done || point is "change:committed" or "change:swapped") Assert.Equal(after.Order(), names.Order());
        var hash = await StateCheck.ServesAsync(again, forest, names.Count == Base.Length ? Base : after);
        var last = (await again.HistoryAsync())[^1];
        Assert.Equal(last.RevisionAfter > 0 ? last.StateAfterSha256 : before, hash);
    }

    private static async Task<bool> IsWellAsync(ServerProcess server)
    {
        try
        {
            using var health = await server.Http.GetAsync("/health");
            return health.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
