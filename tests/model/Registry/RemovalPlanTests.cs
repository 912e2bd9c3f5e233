using Btx.Model.Forests;
using Btx.Model.Registry;

namespace Btx.Model.Tests.Registry;

public sealed class RemovalPlanTests
{
    private static readonly ForestState State = SampleForest.State;

    private static string Problem(Action plan) => Assert.Throws<BtxException>(plan).Message;

    [Fact]
    public void Only_removes_what_is_named_and_reports_what_stays()
    {
        var plan = RemovalPlan.Of(State, ["a"], LineagePolicy.Only);
        Assert.Equal(["a"], plan.Removed);
        Assert.Empty(plan.Quarantined);
        Assert.Equal([("b", 0), ("c", 0.25), ("d", 0.625)], plan.Residuals.Select(r => (r.Expert, r.Share)));
        Assert.Equal(["c", "d"], plan.Residuals.Where(r => r.Share > 0).Select(r => r.Expert));
        Assert.Equal(["b", "c", "d"], State.Apply(plan).Experts.Select(e => e.Name));
    }

    [Fact]
    public void Cascade_removes_every_descendant()
    {
        var plan = RemovalPlan.Of(State, ["a"], LineagePolicy.Cascade);
        Assert.Equal(["a", "c", "d"], plan.Removed);
        Assert.Equal([("b", 0)], plan.Residuals.Select(r => (r.Expert, r.Share)));
        Assert.Equal(["b"], State.Apply(plan).Experts.Select(e => e.Name));
    }

    [Fact]
    public void Quarantine_leaves_descendants_listed_without_traffic()
    {
        var plan = RemovalPlan.Of(State, ["a"], LineagePolicy.Quarantine);
        Assert.Equal(["a"], plan.Removed);
        Assert.Equal(["c", "d"], plan.Quarantined);
        Assert.All(plan.Residuals.Where(r => r.Share > 0), r => Assert.Equal(ExpertStatus.Quarantined, r.Status));
        Assert.Equal(["b"], State.Apply(plan).Ready.Select(e => e.Name));
        Assert.Equal(["b", "c", "d"], State.Apply(plan).Experts.Select(e => e.Name));
        Assert.Equal(1, State.Apply(plan).Revision);
    }

    [Fact]
    public void Of_several_each_share_is_given_and_the_whole()
    {
        var d = RemovalPlan.Of(State, ["a", "c"], LineagePolicy.Only).Residuals.Single(r => r.Expert == "d");
        Assert.Equal(1, d.Share, 1e-15);
        Assert.Equal(0.625, d.ByAncestor["a"], 1e-15);
        Assert.Equal(0.5, d.ByAncestor["c"], 1e-15);
    }

    [Fact]
    public void What_changes_besides_is_listed()
    {
        var state = State.WithAverage(NamedAverage.Of("x", new Dictionary<string, double> { ["b"] = 1 }))
            .WithAverage(NamedAverage.Of("y", new Dictionary<string, double> { ["b"] = 1, ["c"] = 1 }))
            .WithAverage(NamedAverage.Of("z", new Dictionary<string, double> { ["c"] = 1 }))
            .WithAverage(new() { Name = "for-a", Domain = "a" });
        var plan = RemovalPlan.Of(state, ["b"], LineagePolicy.Only);
        Assert.Equal(["x"], plan.DroppedAverages);
        Assert.Equal(["y", "for-a"], plan.ReweightedAverages);
        Assert.Equal(["a"], plan.ReweightedPriors);
    }

    [Fact]
    public void What_cannot_be_removed_is_said()
    {
        Assert.Contains("only, cascade, quarantine", Problem(() => RemovalPlan.Of(State, ["a"], "all")), StringComparison.Ordinal);
        Assert.Contains("named twice", Problem(() => RemovalPlan.Of(State, ["a", "a"], LineagePolicy.Only)), StringComparison.Ordinal);
        Assert.Contains("no expert is named", Problem(() => RemovalPlan.Of(State, [], LineagePolicy.Only)), StringComparison.Ordinal);
        Assert.Contains("removed already", Problem(() => RemovalPlan.Of(State.Without(["a"]), ["a"], LineagePolicy.Only)),
            StringComparison.Ordinal);
        Assert.Contains("last expert", Problem(() => RemovalPlan.Of(State.Without(["b"]), ["a"], LineagePolicy.Quarantine)),
            StringComparison.Ordinal);
        var child = SampleForest.Expert("e", ("c", 1));
        Assert.Contains("\"e\", a descendant of \"c\", is being added",
            Problem(() => RemovalPlan.Of(State, ["a"], LineagePolicy.Cascade, [child])), StringComparison.Ordinal);
        Assert.Equal(["a"], RemovalPlan.Of(State, ["a"], LineagePolicy.Only, [child]).Removed);
    }

    [Fact]
    public void Weights_that_another_expert_has_too_go_with_it_or_not_at_all()
    {
        var state = State.WithExpert(SampleForest.Expert("twin", ("seed", 1)) with { Sha256 = SampleForest.Hash("b") });
        foreach (var policy in LineagePolicy.Names)
        {
            var message = Problem(() => RemovalPlan.Of(state, ["b"], policy));
            Assert.Contains("\"twin\" has the same weights as \"b\"", message, StringComparison.Ordinal);
            Assert.Contains("name \"twin\" too", message, StringComparison.Ordinal);
        }

        Assert.Contains("name \"b\" too", Problem(() => RemovalPlan.Of(state.Quarantine(["b"]), ["twin"], LineagePolicy.Only)),
            StringComparison.Ordinal);
        Assert.Equal(["b", "twin"], RemovalPlan.Of(state, ["b", "twin"], LineagePolicy.Only).Removed);
    }
}
