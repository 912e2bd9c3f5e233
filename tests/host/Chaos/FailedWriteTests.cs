using Btx.Model.Registry;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Chaos;

/// <summary>The disk fails or is full at every point of a change: the server says so, serves on, and does the next change.</summary>
public sealed class FailedWriteTests
{
    [Theory]
    [InlineData("full", "add", "purge")]
    [InlineData("throw", "average", "rollback")]
    public async Task At_every_point_of_every_change(string action, string one, string other)
    {
        using var forest = new ChaosForest("alpha", "beta", "gamma");
        var points = FaultPointNames.All.Except(FaultPointNames.OfStart).ToList();
        await using (var server = await ServerProcess.StartAsync(forest,
            points.Concat(points.Where(p => !FaultPointNames.IsOfRemovals(p))).Select(p => $"{p}={action}")))
        {
            var load = new Load(server, 2, (client, number) =>
                Load.Request(Load.Routings("alpha")[new[] { 1, 6 }[client]], client + (10 * number), 10, 20), pause: 20);
            for (var (round, clean) = (0, false); !clean; round++)
            {
                Assert.True(round < 4 * points.Count, "the faults do not end");
                clean = await IsCleanAsync(server, forest, one, round) & await IsCleanAsync(server, forest, other, round);
            }

            Assert.All(await load.StopAsync(), r => Assert.True(r is
            {
                Failure: null, Finish: FinishReason.Length,
                Tokens.Count: 20
            }, $"{r.Name}: {r.Failure} {r.Finish} {r.Message}"));
            var due = points.Where(p =>
                !FaultPointNames.IsOfRemovals(p) || other == "purge" || (other == "remove" && FaultPointNames.IsOfCertificates(p)));
            Assert.Empty(due.Except(server.Errors.Where(IsProblem).Select(e => e.Split(": ")[0]["fault point ".Length..])));
        }

        await using var again = await ServerProcess.StartAsync(forest); // does what was left to do
        await StateCheck.IsWellAsync(again, forest);
        await again.AddGuestAsync(forest);
        await StateCheck.ServesAsync(again, forest, (await again.ListAsync()).Experts.Select(e => e.Name));
    }

    /// <summary>True if the change was made and met no fault.</summary>
    private static async Task<bool> IsCleanAsync(ServerProcess server, ChaosForest forest, string kind, int round)
    {
        var before = await server.ListAsync();
        if (kind is "remove" or "purge" && before.Experts.Count == 2) return false;
        if (kind is "rollback"
            && (await server.HistoryAsync()).LastOrDefault(c => c.Outcome == ChangeOutcome.Committed) is not { Kind: ChangeKind.Average })
            return false;
        var met = server.Errors.Count(IsProblem);
        var failed = "";
        try
        {
            await (kind switch
            {
                "add" => server.AddGuestAsync(forest, again: false),
                "average" => server.AverageAsync($"pair-{round}", "alpha", "beta"),
                "rollback" => server.RollbackAsync(),
                _ => server.RemoveAsync(before.Experts[^1].Name, purge: kind == "purge"),
            });
        }
        catch (RpcException e)
        {
            failed = e.Status.Detail;
            Changes.AssertTold(e.Status);
            // A device that fails is the server's fault, a full one passes; and nothing changes before the last removal is certified.
            var isUncertified = failed.Contains("no certificate yet", StringComparison.Ordinal);
            await Patience.UntilAsync(() => server.Errors.Any(IsProblem), "the log's line, which may come after the answer");
            var isFull = server.Errors.Last(IsProblem).EndsWith(": full", StringComparison.Ordinal);
            var expected = isUncertified ? StatusCode.FailedPrecondition : isFull ? StatusCode.ResourceExhausted : StatusCode.Internal;
            Assert.True(e.StatusCode == expected, $"{e.Status}");
        }

        var after = await server.ListAsync();
        var last = (await server.HistoryAsync()).LastOrDefault(c => c.Outcome == ChangeOutcome.Committed);
        if (failed.Length == 0 || after.StateSha256 != before.StateSha256)
            Assert.Equal((last!.StateBeforeSha256, last.StateAfterSha256), (before.StateSha256, after.StateSha256));
        Assert.Equal(after.Experts.Select(e => e.Name).Order(),
            (await server.Inference.DescribeAsync(new())).Experts.Select(e => e.Name).Order());
        using var health = await server.Http.GetAsync("/health");
        Assert.True(health.IsSuccessStatusCode, failed);
        return failed.Length == 0 && server.Errors.Count(IsProblem) == met;
    }

    private static bool IsProblem(string line) => line.StartsWith("fault point ", StringComparison.Ordinal);
}
