using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Loop;

public sealed class PreparedAveragesTests
{
    [Fact]
    public async Task Averages_are_made_at_load_without_a_request()
    {
        await using var forest = new FakeForest(change: o => o with { PrepareAverages = true });
        while (!(await forest.Engine.InspectAsync()).Lanes.Any(l => l.Name == "average:uniform")) await Task.Yield();
        Assert.Equal(12, (await forest.Engine.Run(Request(new Routing { Mode = RoutingMode.Average }))).Count);
    }

    [Fact]
    public async Task Without_that_option_an_average_waits_for_its_first_request()
    {
        await using var forest = new FakeForest();
        await forest.Engine.Run(Request(new Routing()));
        Assert.DoesNotContain((await forest.Engine.InspectAsync()).Lanes, l => l.Name.StartsWith("average", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_engine_that_closes_during_the_building_frees_the_forest_after_it()
    {
        for (var i = 0; i < 20; i++)
        {
            var forest = new FakeForest(change: o => o with { PrepareAverages = true });
            await forest.DisposeAsync();
            while (!forest.Released) await Task.Yield(); // the builder's lease comes back
            Assert.Equal(0, forest.Snapshot.Leases);
        }
    }

    [Fact]
    public async Task When_all_is_done_the_observer_hears_that_nothing_runs()
    {
        var observer = new RecordingObserver();
        await using var forest = new FakeForest(change: o => o with { Observer = observer });
        await forest.Engine.Run(Request(new Routing()));
        await forest.Engine.InspectAsync();
        Assert.Equal(0, observer.Running);

        using var cancel = new CancellationTokenSource();
        var stream = forest.Engine.Generate(Request(new Routing(), 40), cancel.Token);
        await stream.ReadAsync(TestContext.Current.CancellationToken);
        await cancel.CancelAsync();
        await foreach (var _ in stream.ReadAllAsync(TestContext.Current.CancellationToken)) { }
        var before = observer.IdleCalls;
        await forest.Engine.InspectAsync();
        await forest.Engine.InspectAsync();
        Assert.True(observer.IdleCalls > before);
        Assert.Equal(0, observer.Running);
    }
}
