using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Swaps;

/// <summary>Many changes while requests run: the invariants hold after every step, and nothing stays behind.</summary>
public sealed class ChangesUnderLoadTests
{
    private static readonly Routing[] Routings =
    [
        new(), new() { Posterior = PosteriorKind.Switching, SwitchingRate = 0.1 }, TopK(1), TopK(2), TopK(1) with { RerouteInterval = 3 },
            new() { Mode = RoutingMode.TopP, P = 0.6 }, Probe(TopK(1), 5), Probe(TopK(2), 3) with { RerouteInterval = 4 },
        TopK(1) with { Posterior = PosteriorKind.Fixed, PriorDomain = "expert-0" }, Expert("expert-0"),
            new() { Mode = RoutingMode.Average }, Moe(2),
    ];

    [Fact]
    public async Task Five_hundred_additions_and_removals_leave_nothing_behind()
    {
        await using var forest = new FakeForest(records: false, change: o => o with { QueueCapacity = 64 });
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 3).Select(n => Task.Run(async () =>
        {
            var done = 0;
            while (!stop.IsCancellationRequested)
            {
                var events = await forest.Engine.Run(Request(Routings[(n + (3 * done)) % Routings.Length], 10));
                Assert.Equal((10, FinishReason.Length), (events.Count, events[^1].Finish));
                done++;
            }

            return done;
        })).ToList();
        var once = new List<WeakReference>();
        for (var cycle = 0; cycle < 500; cycle++)
        {
            await forest.Swap(new ForestChange { Add = [FakeOpener.Source("guest", 1000 + cycle)] });
            once.Add(new WeakReference(forest.Opener["guest"]));
            once.Add(new WeakReference(forest.Engine.Current));
            var report = await forest.Remove("guest");
            Assert.InRange(report.BytesReturned, 1110, 2220);
            Assert.InRange(forest.Opener.Live, 4, 4);
            forest.Opener.Forget();
            if (cycle % 50 == 0) await forest.Engine.AssertSound(idle: false);
            once.Add(new WeakReference(forest.Engine.Current));
        }

        await stop.CancelAsync();
        Assert.All(await Task.WhenAll(load), done => Assert.True(done > 0));
        await forest.Engine.AssertSound();
        Assert.InRange((await forest.Engine.InspectAsync()).Lanes.Count, 4, 5); // three experts, the mixture, an average
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.InRange(once.Count(o => o.IsAlive), 1, 12); // the current one, and what the last requests and builds held
        Assert.Equal(["expert-0", "expert-1", "expert-2"], forest.Engine.Describe().Experts);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Any_changes_beside_any_requests_keep_the_invariants(int seed)
    {
        var random = new Random(seed);
        await using var forest = new FakeForest(change: o =>
            o with { QueueCapacity = 64, Slots = 2, MaxBatchTokens = 8, PrepareAverages = seed % 2 == 0 });
        var running = new List<Task<List<TokenEvent>>>();
        var swaps = new List<Task<SwapReport>>();
        for (var i = 0; i < 60; i++)
        {
            var name = $"guest-{random.Next(3)}";
            if (random.Next(3) == 0)
                running.Add(Catch(forest.Engine, Request(random.Next(2) == 0 ? Routings[random.Next(Routings.Length)] : Expert(name),
                    random.Next(1, 40), [256, .. Enumerable.Range(40, random.Next(1, 20))])));
            if (random.Next(2) == 0) running.Add(Catch(forest.Engine, Request(Routings[random.Next(8)], random.Next(1, 40))));
            if (random.Next(3) == 0)
            {
                var policy = (InFlightPolicy)random.Next(3);
                var there = forest.Engine.Describe().Experts.Contains(name);
                var change = random.Next(6) == 0 ? new ForestChange { Moe = $"{70 + i}" }
                    : there ? new ForestChange { Remove = [name] } : new ForestChange { Add = [FakeOpener.Source(name, 100 + i)] };
                var before = forest.Engine.Current.Id;
                swaps.Add(forest.Swap(change, policy));
                while (forest.Engine.Current.Id == before) await forest.Engine.AssertSound(idle: false);
            }

            await forest.Engine.AssertSound(idle: false);
        }

        while (running.Any(r => !r.IsCompleted)) await forest.Engine.AssertSound(idle: false);
        await Task.WhenAll(running);
        await Task.WhenAll(swaps);
        await forest.Engine.AssertSound();
        Assert.Equal(forest.Engine.Describe().Experts.Count + 1, forest.Opener.Live);
    }

    /// <summary>Ends in an order: with all tokens, or for a reason that the change gives.</summary>
    private static async Task<List<TokenEvent>> Catch(ForestEngine engine, GenerationRequest request)
    {
        try
        {
            var events = await engine.Run(request);
            if (events[^1].Finish == FinishReason.Length) Assert.Equal(request.MaxTokens, events.Count);
            else Assert.Contains(events[^1].Finish, new[] { FinishReason.Removed, FinishReason.Aborted });
            Assert.All(events.Where(e => e.Posterior is not null), e => Assert.Equal(1, e.Posterior!.Sum(), 1e-9));
            return events;
        }
        catch (RequestRejectedException e)
        {
            Assert.Equal(ErrorKind.Missing, e.Kind);
            return [];
        }
    }
}
