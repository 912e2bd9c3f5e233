using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Swaps;

public sealed class SnapshotBuilderTests
{
    private static Dictionary<string, IReadOnlyDictionary<string, double>> Named(string name,
        params (string Expert, double Weight)[] weights) => new() { [name] = weights.ToDictionary(w => w.Expert, w => w.Weight) };

    [Fact]
    public async Task An_expert_that_cannot_be_opened_takes_what_was_opened_before_it_along()
    {
        await using var forest = new FakeForest();
        Assert.Throws<FormatException>(() => forest.Engine.Prepare(new ForestChange
        { Add = [FakeOpener.Source("good", 9), FakeOpener.Source("bad", 9) with { Directory = "nothing" }] }));
        Assert.True(forest.Opener["good"].Disposed);
        Assert.Equal(0, forest.Snapshot.Leases);
    }

    [Fact]
    public async Task A_discarded_snapshot_frees_what_it_alone_has()
    {
        await using var forest = new FakeForest();
        var next = forest.Engine.Prepare(new ForestChange { Add = [FakeOpener.Source("late", 9)], Remove = ["expert-0"] });
        next.Discard();
        next.Discard();
        Assert.True(forest.Opener["late"].Disposed);
        Assert.Equal(12, (await forest.Engine.Run(Request(Expert("expert-0")))).Count);
    }

    [Fact]
    public async Task Priors_follow_the_experts()
    {
        await using var forest = new FakeForest();
        await forest.Swap(new ForestChange
        {
            Add = [FakeOpener.Source("late", 9, new Dictionary<string, double> { ["late"] = 0.6, ["expert-1"] = 0.2, ["expert-2"] = 0.2 })]
        });
        Assert.Equal(["expert-0", "late"], forest.Engine.Describe().PriorDomains);
        Assert.Equal([0.5, 0.25, 0.25, 0], forest.Engine.Current.Prior("expert-0"));
        await forest.Remove("expert-1");
        Assert.Equal([0, 0.25, 0.75], forest.Engine.Current.Prior("late"), (a, b) => Math.Abs(a - b) < 1e-12);
        await forest.Swap(new ForestChange { Quarantine = ["late"] });
        Assert.Equal(["expert-0", "late"], forest.Engine.Describe().PriorDomains); // its text is still a domain
        await forest.Remove("expert-0");
        Assert.Equal(["late"], forest.Engine.Describe().PriorDomains);
    }

    [Fact]
    public async Task Named_averages_are_served_by_name_and_follow_the_experts()
    {
        await using var forest = new FakeForest();
        await forest.Swap(new ForestChange { Averages = Named("blend", ("expert-0", 1), ("expert-1", 3)) });
        var routing = new Routing { Mode = RoutingMode.Average, AverageName = "blend" };
        var request = Request(routing, 30);
        var first = await forest.Engine.Run(request);
        Assert.Equal([0.25, 0.75, 0], first[0].Posterior!);
        await forest.Remove("expert-0");
        Assert.Equal(["blend"], forest.Engine.Describe().Averages);
        var second = await forest.Engine.Run(request);
        Assert.Equal([1.0, 0], second[0].Posterior!);
        var swap = forest.SwapWhen(forest.Averages[^1], 14, new ForestChange { Remove = ["expert-1"] });
        var ended = (await forest.Engine.Run(request))[^1];
        await swap;
        Assert.Equal((FinishReason.Removed, "the average that the request ran on was removed: no average \"blend\"; there are none"),
            (ended.Finish, ended.Message));
        Assert.Empty(forest.Engine.Describe().Averages);
        Assert.Equal(ErrorKind.Missing,
            Assert.Throws<RequestRejectedException>(() => forest.Engine.Generate(request, TestContext.Current.CancellationToken)).Kind);
    }
}
