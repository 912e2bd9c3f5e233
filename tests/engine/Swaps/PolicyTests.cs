using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Swaps;

/// <summary>Who notices a change of the forest, by policy: those that use what leaves, and nobody else.</summary>
public sealed class PolicyTests
{
    private static readonly ForestChange WithoutOne = new() { Remove = ["expert-1"] };

    private static CancellationToken None => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Drain_lets_old_requests_finish_as_they_began_and_completes_after_the_last()
    {
        await using var undisturbed = new FakeForest();
        await using var forest = new FakeForest();
        GenerationRequest[] requests = [Request(new Routing(), 40), Request(Expert("expert-1"), 40),
            Request(TopK(1) with { RerouteInterval = 3 }, 40), Request(new Routing { Mode = RoutingMode.Average }, 40)];
        await forest.Engine.Run(requests[3] with { MaxTokens = 1 });
        var expected = new List<List<TokenEvent>>();
        foreach (var request in requests) expected.Add(await undisturbed.Engine.Run(request));
        using var sent = new ManualResetEventSlim();
        var swap = forest.SwapWhen(forest.Experts[1], 12, WithoutOne, InFlightPolicy.Drain, sent);
        var running = requests.Select(forest.Engine.Run).ToList();
        sent.Set();
        while (forest.Engine.Describe().Experts.Count == 3) await Task.Yield();
        Assert.Equal(ErrorKind.Missing,
            Assert.Throws<RequestRejectedException>(() => forest.Engine.Generate(Request(Expert("expert-1")), None)).Kind);
        Assert.Equal(2, (await forest.Engine.Run(Request(new Routing(), 2)))[0].Posterior!.Length); // new requests have the new forest
        var report = await swap;
        var events = await Task.WhenAll(running);
        Assert.Equal((4, 0, 0), (report.Drained, report.Renormalised, report.Ended));
        for (var i = 0; i < requests.Length; i++)
        {
            Assert.Equal(expected[i].Tokens(), events[i].Tokens());
            Assert.Equal(expected[i].Select(e => e.Posterior), events[i].Select(e => e.Posterior));
        }

        Assert.True(forest.Experts[1].Disposed);
        Assert.All(forest.Averages.Where(a => a.Seed == 99), a => Assert.True(a.Disposed));
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task Drain_keeps_a_request_for_the_expert_that_waits_already()
    {
        await using var forest = new FakeForest(change: o => o with { Slots = 1, MaxBatchTokens = 4 });
        using var sent = new ManualResetEventSlim();
        Task<SwapReport>? swap = null;
        forest.Experts[1].Before = (rows, _) =>
        {
            if (swap is not null || rows[0].Past < 12) return;
            sent.Wait(None);
            swap = forest.Remove("expert-1", InFlightPolicy.Drain);
        };
        var running = Enumerable.Range(0, 3).Select(_ => forest.Engine.Run(Request(Expert("expert-1"), 30))).ToList();
        sent.Set();
        foreach (var events in await Task.WhenAll(running)) Assert.Equal((30, FinishReason.Length), (events.Count, events[^1].Finish));
        Assert.Equal(3, (await swap!).Drained);
        Assert.True(forest.Experts[1].Disposed);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task Abort_ends_those_that_use_it_and_no_other()
    {
        await using var forest = new FakeForest();
        await forest.Engine.Run(Request(new Routing { Mode = RoutingMode.Average }, 1));
        var probe = Enumerable.Range(0, 100).Select(i => new[] { 256, 80 + i, 101, 32, 99 })
            .First(p => forest.Engine.Run(Request(TopK(1), 1, p)).Result[0].Posterior![1] == 0);
        using var sent = new ManualResetEventSlim();
        var swap = forest.SwapWhen(forest.Experts[1], 12, WithoutOne, InFlightPolicy.Abort, sent);
        var chosen = forest.Engine.Run(Request(TopK(1), 50, probe)); // after five tokens it has chosen, without expert-1
        var ensemble = forest.Engine.Run(Request(new Routing(), 50));
        var average = forest.Engine.Run(Request(new Routing { Mode = RoutingMode.Average }, 50));
        var other = forest.Engine.Run(Request(Expert("expert-2"), 50));
        sent.Set();
        var report = await swap;
        Assert.Equal(FinishReason.Aborted, (await ensemble)[^1].Finish);
        Assert.Contains("expert-1 left the forest", (await ensemble)[^1].Message, StringComparison.Ordinal);
        Assert.Equal(50, (await other).Count);
        Assert.Equal(50, (await chosen).Count);
        Assert.Equal(FinishReason.Aborted, (await average)[^1].Finish);
        Assert.Equal(2, report.Aborted);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task Abort_ends_a_score_with_an_error()
    {
        await using var forest = new FakeForest();
        var swap = forest.SwapWhen(forest.Experts[1], 8, WithoutOne, InFlightPolicy.Abort);
        var e = await Assert.ThrowsAsync<RequestRejectedException>(() =>
            forest.Engine.ScoreAsync(new ScoreRequest([256, .. Enumerable.Range(40, 30)], new Routing()), None));
        Assert.Contains("expert-1 left the forest", e.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await swap).Aborted);
    }

    [Fact]
    public async Task Waiting_requests_run_on_the_new_forest_unless_what_they_name_is_gone()
    {
        await using var forest = new FakeForest(change: o => o with { Slots = 1, MaxBatchTokens = 4 });
        using var sent = new ManualResetEventSlim();
        Task<SwapReport>? swap = null;
        forest.Experts[1].Before = (rows, _) =>
        {
            if (swap is not null || rows[0].Past < 12) return;
            sent.Wait(None);
            swap = forest.Remove("expert-1");
        };
        var first = forest.Engine.Run(Request(new Routing(), 30));
        var named = forest.Engine.Run(Request(Expert("expert-1"), 30));
        var ensemble = forest.Engine.Run(Request(TopK(3), 30));
        sent.Set();
        var e = await Assert.ThrowsAsync<RequestRejectedException>(() => named);
        Assert.Equal((ErrorKind.Missing,
            "the forest changed while the request waited: no expert \"expert-1\"; there are expert-0, expert-2"), (e.Kind, e.Message));
        Assert.Equal(30, (await first).Count);
        Assert.All(await ensemble, t => Assert.Equal((2, 2), (t.Posterior!.Length, t.Forest!.Experts.Count)));
        Assert.Equal((1, 1), ((await swap!).Renormalised, (await swap).Ended));
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task An_added_expert_serves_new_requests_only()
    {
        await using var undisturbed = new FakeForest();
        var expected = await undisturbed.Engine.Run(Request(new Routing(), 40));
        await using var forest = new FakeForest();
        var swap = forest.SwapWhen(forest.Experts[0], 12, new ForestChange { Add = [FakeOpener.Source("late", 9)] });
        var events = await forest.Engine.Run(Request(new Routing(), 40));
        await swap;
        Assert.Equal(expected.Tokens(), events.Tokens());
        Assert.Equal(expected.Select(e => e.Posterior), events.Select(e => e.Posterior));
        var late = await forest.Engine.Run(Request(new Routing(), 40));
        Assert.All(late, e => Assert.Equal((4, 4), (e.Posterior!.Length, e.Forest!.Experts.Count)));
        await using var four = new FakeForest(seeds: [1, 2, 3, 9], names: ["expert-0", "expert-1", "expert-2", "late"]);
        Assert.Equal((await four.Engine.Run(Request(new Routing(), 40))).Tokens(), late.Tokens());
        Assert.All(forest.Experts, e => Assert.False(e.Disposed));
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task Two_changes_at_once()
    {
        await using var forest = new FakeForest();
        Task<SwapReport>[] swaps = [];
        ForestSnapshot? stale = null;
        forest.Experts[1].Before = (rows, _) =>
        {
            if (swaps.Length > 0 || rows[0].Past < 12) return;
            var first = forest.Engine.Prepare(WithoutOne);
            stale = forest.Engine.Prepare(new ForestChange { Remove = ["expert-2"], Add = [FakeOpener.Source("never", 5)] });
            swaps = [forest.Engine.SwapAsync(first, InFlightPolicy.Renormalise), forest.Engine.SwapAsync(SnapshotBuilder.Next(first,
                new ForestChange { Remove = ["expert-0"] }), InFlightPolicy.Renormalise)];
        };
        var events = await forest.Engine.Run(Request(new Routing(), 30));
        Assert.False(swaps[0].IsCompleted); // the other change still holds the expert
        var e = await Assert.ThrowsAsync<BtxException>(() => forest.Engine.SwapAsync(stale!, InFlightPolicy.Renormalise));
        Assert.Contains("prepare it again", e.Message, StringComparison.Ordinal);
        Assert.All(await Task.WhenAll(swaps), r => Assert.Equal(1, r.Renormalised));
        Assert.True(forest.Experts[1].Disposed);
        Assert.Equal(30, events.Count);
        Assert.Equal([0.0, 0, 1], events[^1].Posterior!);
        Assert.True(forest.Opener["never"].Disposed);
        Assert.Equal(["expert-2"], forest.Engine.Describe().Experts);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task A_change_while_the_server_shuts_down_is_refused()
    {
        await using var forest = new FakeForest();
        var running = forest.Engine.Run(Request(new Routing(), 40));
        var drain = forest.Engine.DrainAsync(CancellationToken.None);
        var e = await Assert.ThrowsAsync<RequestRejectedException>(() =>
            forest.Swap(new ForestChange { Add = [FakeOpener.Source("late", 9)] }));
        Assert.Equal(ErrorKind.Unavailable, e.Kind);
        Assert.True(forest.Opener["late"].Disposed);
        await drain;
        Assert.Equal(40, (await running).Count);
        await forest.DisposeAsync();
        await Assert.ThrowsAsync<RequestRejectedException>(() => forest.Engine.SwapAsync(forest.Snapshot, InFlightPolicy.Drain));
    }

    [Fact]
    public async Task A_drain_ends_with_the_engine()
    {
        var forest = new FakeForest(context: 100_000);
        var swap = forest.SwapWhen(forest.Experts[1], 12, WithoutOne, InFlightPolicy.Drain);
        var endless = forest.Engine.Run(Request(new Routing(), 100_000));
        while (forest.Engine.Describe().Experts.Count == 3) await Task.Yield();
        Assert.False(swap.IsCompleted);
        await forest.DisposeAsync();
        Assert.Equal(FinishReason.Cancelled, (await endless)[^1].Finish);
        Assert.Equal(1, (await swap).Drained);
        Assert.True(forest.Released);
    }

    [Fact]
    public async Task A_request_that_waits_for_an_average_gets_the_new_one()
    {
        await using var forest = new FakeForest();
        using var begun = new ManualResetEventSlim();
        forest.BeforeAverage = cancellation =>
        {
            if (begun.IsSet) return;
            begun.Set();
            cancellation.WaitHandle.WaitOne();
        };
        var waiting = forest.Engine.Run(Request(new Routing { Mode = RoutingMode.Average }));
        begun.Wait(None);
        await forest.Remove("expert-1"); // the builder reads that expert's weights: it is told to stop
        Assert.True(forest.Experts[1].Disposed);
        var last = (await waiting)[^1];
        Assert.Equal([0.5, 0.5], last.Posterior!);
        Assert.Equal(98, Assert.Single(forest.Averages).Seed);
    }

    [Fact]
    public async Task Prepared_averages_follow_every_change()
    {
        await using var forest = new FakeForest(change: o => o with { PrepareAverages = true });
        async Task Until(int seed)
        {
            while (!(await forest.Engine.InspectAsync()).Lanes.Any(l => l is { Name: "average:uniform", Retired: false })
                || forest.Averages[^1].Seed != seed)
                await Task.Yield();
        }

        await Until(99);
        await forest.Remove("expert-1");
        Assert.True(forest.Averages[0].Disposed);
        await Until(98);
        await forest.Swap(new ForestChange { Moe = "78" }); // the same experts: the same average
        Assert.False(forest.Averages[1].Disposed);
        Assert.Equal(2, forest.Averages.Count);
    }

    [Fact]
    public async Task Faster_sessions_take_over_and_nobody_notices()
    {
        await using var forest = new FakeForest();
        await forest.Swap(new ForestChange { Add = [FakeOpener.Source("late", 9)] });
        var late = forest.Opener["late"];
        var events = await forest.Engine.Run(Request(Expert("late"), 40));
        while (late.Staged != (1, 1)) await Task.Yield();
        Assert.Equal(events.Tokens(), (await forest.Engine.Run(Request(Expert("late"), 40))).Tokens());
        Assert.False(late.Disposed);
        await forest.Remove("late");
        Assert.True(late.Disposed);
    }
}
