using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Loop;

/// <summary>The engine says that it is broken or hangs, and why.</summary>
public sealed class EngineFaultTests
{
    [Fact]
    public async Task A_broken_engine_says_why_and_ends_what_runs_and_what_comes()
    {
        var observer = new BreakingObserver();
        await using var forest = new FakeForest(change: o => o with { Observer = observer });
        Assert.Null(forest.Engine.Problem);
        await forest.Engine.Run(Request(new Routing()));
        while (forest.Engine.Problem is null) await Task.Delay(1, TestContext.Current.CancellationToken);
        Assert.Equal("the engine has failed: 2 slots\\r\\nused by nobody", forest.Engine.Problem);
        var refused = Assert.Throws<RequestRejectedException>(() =>
            forest.Engine.Generate(Request(new Routing()), TestContext.Current.CancellationToken));
        Assert.Contains("used by nobody", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_runs_and_waits_when_the_engine_breaks_hears_why()
    {
        var breaks = false;
        await using var forest = new FakeForest(change: o => o with
        {
            InjectFault = point =>
            {
                if (breaks && point == ForestEngine.FaultPoints[0]) throw new InvalidOperationException("slots are lost");
            },
        });
        using var sent = new ManualResetEventSlim();
        forest.Experts[0].Before = (_, _) =>
        {
            sent.Wait(TestContext.Current.CancellationToken);
            breaks = true;
        };
        Task[] all =
        [
            .. Enumerable.Range(0, 6).Select(_ => forest.Engine.Run(Request(new Routing()))), // more than there are slots
            forest.Engine.ScoreAsync(new ScoreRequest([1, 2, 3], new Routing()), TestContext.Current.CancellationToken),
            forest.Swap(new ForestChange { Remove = ["expert-2"] }),
        ];
        sent.Set();
        foreach (var one in all) Assert.Equal("slots are lost", (await Assert.ThrowsAsync<InvalidOperationException>(() => one)).Message);
        await forest.Engine.DrainAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_shutdown_does_not_wait_for_a_thread_that_hangs()
    {
        using var entered = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        await using var forest = new FakeForest(change: o => o with { Time = new Clock() });
        forest.Experts[0].Before = (_, _) =>
        {
            entered.Set();
            go.Wait(TestContext.Current.CancellationToken);
        };
        var streaming = forest.Engine.Run(Request(Expert("expert-0")));
        var scoring = forest.Engine.ScoreAsync(new ScoreRequest([1, 2, 3], Expert("expert-0")), TestContext.Current.CancellationToken);
        entered.Wait(TestContext.Current.CancellationToken);
        await forest.Engine.DrainAsync(new CancellationToken(canceled: true));
        Assert.Equal(ErrorKind.Unavailable, (await Assert.ThrowsAsync<RequestRejectedException>(() => streaming)).Kind);
        Assert.Equal(ErrorKind.Unavailable, (await Assert.ThrowsAsync<RequestRejectedException>(() => scoring)).Kind);
        Assert.Equal("the engine has failed: the engine's thread did not end its step for the shutdown", forest.Engine.Problem);
        go.Set();
    }

    [Fact]
    public async Task A_step_beyond_the_limit_is_a_fault_while_it_lasts()
    {
        var clock = new Clock();
        using var entered = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        await using var forest = new FakeForest(change: o => o with { Time = clock, StepLimit = TimeSpan.FromSeconds(30) });
        forest.Experts[0].Before = (_, _) =>
        {
            entered.Set();
            go.Wait(TestContext.Current.CancellationToken);
        };
        var request = forest.Engine.Run(Request(Expert("expert-0")));
        entered.Wait(TestContext.Current.CancellationToken);
        clock.Now += TimeSpan.FromSeconds(30).Ticks;
        Assert.Null(forest.Engine.Problem);
        clock.Now++;
        Assert.Equal("the engine's thread is busy with one step for longer than --step-limit, 30 s", forest.Engine.Problem);
        go.Set();
        await request;
        Assert.Null(forest.Engine.Problem);
        await forest.Engine.AssertSound(); // the loop rests from here on
        clock.Now += TimeSpan.FromHours(1).Ticks;
        Assert.Null(forest.Engine.Problem);
    }

    private sealed class BreakingObserver : IEngineObserver
    {
        private bool stepped;

        public void OnStep(in StepReport report) => stepped = true;

        public void OnIdle()
        {
            if (stepped) throw new InvalidOperationException("2 slots\r\nused by nobody");
        }

        public void OnRequestEnd(in RequestReport report)
        {
        }
    }

    private sealed class Clock : TimeProvider
    {
        public long Now { get; set; } = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
