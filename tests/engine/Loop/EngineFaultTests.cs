using Btx.Engine.Tests.Fixtures;
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
        Assert.Null(forest.Engine.Fault);
        await forest.Engine.Run(Request(new Routing()));
        while (forest.Engine.Fault is null) await Task.Delay(1, TestContext.Current.CancellationToken);
        Assert.Equal("the engine has failed: 2 slots  used by nobody", forest.Engine.Fault);
        var refused = Assert.Throws<RequestRejectedException>(() => forest.Engine.Generate(Request(new Routing()), TestContext.Current.CancellationToken));
        Assert.Contains("used by nobody", refused.Message, StringComparison.Ordinal);
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
        Assert.Null(forest.Engine.Fault);
        clock.Now++;
        Assert.Equal("the engine's thread is busy with one step for longer than --step-limit, 30 s", forest.Engine.Fault);
        go.Set();
        await request;
        Assert.Null(forest.Engine.Fault);
        await forest.Engine.AssertSound(); // the loop rests from here on
        clock.Now += TimeSpan.FromHours(1).Ticks;
        Assert.Null(forest.Engine.Fault);
    }

    private sealed class BreakingObserver : IStepObserver
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
    }
}
