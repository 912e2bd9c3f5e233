using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Loop;

/// <summary>Cancellation, failure, overload and shutdown: slots come back and only those concerned notice.</summary>
public sealed class EndOfRequestTests
{
    private static CancellationToken None => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Cancellation_frees_the_slots()
    {
        await using var forest = new FakeForest();
        using var cancel = new CancellationTokenSource();
        forest.Experts[1].Before = (rows, _) =>
        {
            if (rows[0].Past == 12) cancel.Cancel();
        };
        var events = await forest.Engine.Generate(Request(new Routing(), 40), cancel.Token).Read();
        Assert.Equal(FinishReason.Cancelled, events[^1].Finish);
        Assert.Null(events[^1].Token);
        Assert.InRange(events.Count, 5, 7);
        Assert.Equal(events.Count - 1, events[^1].Usage!.CompletionTokens);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task A_request_cancelled_before_it_starts_gets_no_token()
    {
        await using var forest = new FakeForest();
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();
        var events = await forest.Engine.Generate(Request(new Routing()), cancel.Token).Read();
        Assert.Equal(FinishReason.Cancelled, Assert.Single(events).Finish);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            forest.Engine.ScoreAsync(new ScoreRequest([1, 2, 3], new Routing()), cancel.Token));
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task A_full_queue_refuses_and_then_recovers()
    {
        await using var forest = new FakeForest(change: o => o with { QueueCapacity = 3 });
        using var entered = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        forest.Experts[0].Before = (_, _) =>
        {
            entered.Set();
            go.Wait(None);
        };
        var streams = new List<Task<List<TokenEvent>>> { forest.Engine.Run(Request(new Routing())) };
        entered.Wait(None); // the loop is inside a step: nothing is admitted now
        for (var i = 0; i < 3; i++) streams.Add(forest.Engine.Run(Request(new Routing())));
        var refused = Assert.Throws<RequestRejectedException>(() => forest.Engine.Generate(Request(new Routing()), None));
        Assert.Equal(ErrorKind.Busy, refused.Kind);
        go.Set();
        foreach (var events in await Task.WhenAll(streams)) Assert.Equal(FinishReason.Length, events[^1].Finish);
        Assert.Equal(12, (await forest.Engine.Run(Request(new Routing()))).Count);
    }

    [Fact]
    public async Task Damaged_weights_are_the_servers_fault_and_name_the_expert()
    {
        var reports = new List<string>();
        await using var forest = new FakeForest(change: o => o with { Report = reports.Add });
        forest.Experts[1].Damaged = true;
        const string Why =
            "expert \"expert-1\" gives logits that are not finite: its weights are damaged, or too large for their precision";
        for (var i = 0; i < 2; i++)
        {
            var failure = await Assert.ThrowsAsync<BtxException>(() => forest.Engine.Run(Request(new Routing())));
            Assert.Equal((ErrorKind.Internal, Why), (failure.Kind, failure.Message));
        }

        Assert.Equal([Why], reports); // once, not for every request
        Assert.Equal(12, (await forest.Engine.Run(Request(Expert("expert-0")))).Count);
    }

    [Fact]
    public async Task A_lack_of_memory_is_told_from_a_request_at_fault()
    {
        await using var forest = new FakeForest();
        forest.Experts[1].Before = (_, _) => throw new InsufficientMemoryException();
        var failure = await Assert.ThrowsAsync<BtxException>(() => forest.Engine.Run(Request(Expert("expert-1"))));
        Assert.Equal((ErrorKind.Exhausted, "expert \"expert-1\": not enough memory for its run"), (failure.Kind, failure.Message));
    }

    [Fact]
    public async Task A_failed_run_fails_only_the_requests_on_that_expert()
    {
        var observer = new RecordingObserver();
        await using var forest = new FakeForest(change: o => o with { Observer = observer });
        forest.Experts[1].Before = (_, _) => throw new InvalidOperationException("out of device memory");
        var healthy = forest.Engine.Run(Request(Expert("expert-0"), 20));
        var failing = forest.Engine.Run(Request(new Routing(), 20));
        var scoring = forest.Engine.ScoreAsync(new ScoreRequest([1, 2, 3], Expert("expert-1")), None);
        Assert.Contains("out of device memory", (await Assert.ThrowsAnyAsync<Exception>(() => failing)).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidOperationException>(() => scoring);
        Assert.Equal(20, (await healthy).Count);
        forest.Experts[1].Before = static (_, _) => { };
        Assert.Equal(12, (await forest.Engine.Run(Request(new Routing()))).Count);
        await forest.Engine.AssertSound();
        Assert.Equal(2, observer.Requests.Count(r => r.Finish == FinishReason.Failed));
    }

    [Fact]
    public async Task Logits_that_are_not_finite_fail_the_request()
    {
        await using var forest = new FakeForest();
        forest.Experts[2].Damaged = true;
        var problem = await Assert.ThrowsAsync<Btx.Model.BtxException>(() => forest.Engine.Run(Request(new Routing())));
        Assert.Contains("expert-2", problem.Message, StringComparison.Ordinal);
        Assert.Equal(12, (await forest.Engine.Run(Request(Expert("expert-0")))).Count);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task An_average_that_cannot_be_made_fails_only_its_requests()
    {
        await using var forest = new FakeForest();
        var routing = new Routing { Mode = RoutingMode.Average, Average = AverageWeights.Posterior, AverageDomain = "expert-0" };
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var problem = await Assert.ThrowsAnyAsync<Exception>(() => forest.Engine.Run(Request(routing)));
            Assert.Contains("no memory", problem.Message, StringComparison.Ordinal);
        }

        Assert.Equal(12, (await forest.Engine.Run(Request(new Routing { Mode = RoutingMode.Average }))).Count);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task Draining_lets_running_requests_finish_and_refuses_new_ones()
    {
        await using var forest = new FakeForest();
        var running = Enumerable.Range(0, 6).Select(_ => forest.Engine.Run(Request(new Routing(), 30))).ToList();
        await forest.Engine.DrainAsync(CancellationToken.None);
        var refused = Assert.Throws<RequestRejectedException>(() => forest.Engine.Generate(Request(new Routing()), None));
        Assert.Equal(ErrorKind.Unavailable, refused.Kind);
        foreach (var events in await Task.WhenAll(running)) Assert.Equal(30, events.Count);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task A_drain_past_its_deadline_cancels_the_rest()
    {
        await using var forest = new FakeForest(context: 100_000);
        var endless = forest.Engine.Run(Request(new Routing(), 100_000));
        using var deadline = new CancellationTokenSource();
        var drain = forest.Engine.DrainAsync(deadline.Token);
        Assert.False(drain.IsCompleted);
        await deadline.CancelAsync();
        await drain;
        Assert.Equal(FinishReason.Cancelled, (await endless)[^1].Finish);
    }

    [Fact]
    public async Task Disposal_ends_everything_and_frees_the_models()
    {
        var forest = new FakeForest(context: 100_000);
        var endless = forest.Engine.Run(Request(new Routing(), 100_000));
        await forest.DisposeAsync();
        Assert.Equal(FinishReason.Cancelled, (await endless)[^1].Finish);
        Assert.True(forest.Released);
        Assert.All(forest.Experts, e => Assert.True(e.Disposed));
        Assert.Throws<RequestRejectedException>(() => forest.Engine.Generate(Request(new Routing()), None));
    }

    [Fact]
    public async Task Reports_every_step_and_request()
    {
        var observer = new RecordingObserver();
        await using var forest = new FakeForest(change: o => o with { Observer = observer });
        await forest.Engine.Run(Request(TopK(2), 10));
        await forest.Engine.ScoreAsync(new ScoreRequest([1, 2, 3], new Routing()), None);
        await forest.Engine.AssertSound();
        Assert.Equal(10, observer.Tokens);
        Assert.Equal(10, observer.Mass.Sum(), 1e-9);
        Assert.Equal(3 * (7 + 2), observer.Prefill); // the prompt without its last token, then the text to score without its last
        Assert.Equal(["top_k", "score"], observer.Requests.Select(r => r.Mode));
        Assert.Equal((8, 10), (observer.Requests[0].PromptTokens, observer.Requests[0].CompletionTokens));
    }

    [Fact]
    public async Task Queue_time_ends_when_the_request_first_gets_its_slots()
    {
        var (observer, clock) = (new RecordingObserver(), new StandingClock());
        await using var forest = new FakeForest(change: o => o with { Observer = observer, Time = clock, Slots = 1 });
        using var entered = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        forest.Experts[0].Before = (_, _) =>
        {
            entered.Set();
            go.Wait(None);
        };
        var first = forest.Engine.Run(Request(new Routing(), 1));
        entered.Wait(None); // it has the only slot
        var second = forest.Engine.Run(Request(new Routing(), 1));
        clock.Now += TimeSpan.FromSeconds(5).Ticks;
        go.Set();
        await Task.WhenAll(first, second);
        await forest.Engine.AssertSound();
        Assert.Equal([0.0, 5.0], observer.Requests.Select(r => r.QueueTime.TotalSeconds));
    }

    private sealed class StandingClock : TimeProvider
    {
        public long Now { get; set; } = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now;
    }
}
