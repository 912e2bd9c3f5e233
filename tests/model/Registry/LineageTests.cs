using Btx.Model.Forests;
using Btx.Model.Registry;

namespace Btx.Model.Tests.Registry;

public sealed class LineageTests
{
    private static readonly ForestState State = SampleForest.State;

    [Theory]
    [InlineData("a", "a", 1)]
    [InlineData("a", "b", 0)]
    [InlineData("c", "a", 0.25)]
    [InlineData("d", "a", 0.625)]
    [InlineData("d", "b", 0.375)]
    [InlineData("d", "seed", 1)]
    [InlineData("a", "d", 0)]
    public void Residual_ancestry_sums_the_products_of_weights_over_paths(string expert, string ancestor, double share)
    {
        Assert.Equal(share, Lineage.Of(State).Share(expert, ancestor), 1e-15);
        Assert.Equal(share, Lineage.Of(SampleForest.Manifest).Share(expert, ancestor), 1e-15);
        // known after its removal
        if (ancestor != "seed" && expert != ancestor)
            Assert.Equal(share, Lineage.Of(State.Without([ancestor])).Share(expert, ancestor), 1e-15);
    }

    [Fact]
    public void Several_ancestors_together_count_a_path_once()
    {
        var shares = Lineage.Of(State).Shares(["a", "c"]);
        Assert.Equal(1, shares["d"], 1e-15); // half through c, half from a
        Assert.Equal(1, shares["c"], 1e-15);
        Assert.DoesNotContain("b", shares.Keys);
    }

    [Fact]
    public void Descendants_come_parents_first()
    {
        Assert.Equal(["c", "d"], Lineage.Of(State).Descendants(["a"]));
        Assert.Equal(["d"], Lineage.Of(State).Descendants(["c"]));
        Assert.Empty(Lineage.Of(State).Descendants(["d"]));
        Assert.Contains("\"x\"", Assert.Throws<BtxException>(() => Lineage.Of(State).Descendants(["x"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cycle_and_an_unknown_parent_are_refused()
    {
        var cycle = SampleForest.Manifest with
        {
            Experts = [SampleForest.Entry("x", 1, ("z", 1)), SampleForest.Entry("y", 1, ("x", 0.5),
            ("seed", 0.5)), SampleForest.Entry("z", 1, ("y", 1)), SampleForest.Entry("w", 1, ("z", 1))]
        };
        var message = Assert.Throws<BtxException>(() => SampleForest.Base(cycle)).Message;
        Assert.Contains("x ← z ← y ← x", message, StringComparison.Ordinal);
        Assert.Contains("x ← z ← y ← x", Assert.Throws<BtxException>(() => Lineage.Of(cycle)).Message, StringComparison.Ordinal);
        var unknown = State with { Experts = [.. State.Experts, SampleForest.Expert("e", ("nobody", 1))] };
        Assert.Contains("parent \"nobody\" is unknown", Assert.Throws<BtxException>(() => Lineage.Of(unknown)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_seed_model_is_no_expert()
    {
        var message = Assert.Throws<BtxException>(() => State.WithExpert(SampleForest.Expert("seed"))).Message;
        Assert.StartsWith("\"seed\" is reserved: ", message, StringComparison.Ordinal);
        Assert.Contains("choose another --name", message, StringComparison.Ordinal);
        // As an earlier version let it in.
        var old = State with { Revision = 1, Experts = [.. State.Experts, SampleForest.Expert("seed", ("seed", 1))] };
        Assert.Empty(ForestStateRules.Problems(old));
        var plan = RemovalPlan.Of(old, ["seed"], LineagePolicy.Cascade);
        Assert.Equal(["seed"], plan.Removed);
        Assert.All(plan.Residuals, r => Assert.Equal(0, r.Share));
        Assert.Equal(1, Lineage.Of(State).Share("d", "seed"), 1e-15);
    }

    [Fact]
    public void Whoever_has_the_weights_of_an_ancestor_is_that_ancestor_under_any_name()
    {
        var twin = State.WithExpert(SampleForest.Expert("x", ("seed", 1)) with { Sha256 = SampleForest.Hash("a") });
        Assert.Equal(0.625, Lineage.Of(twin).Share("d", "x"), 1e-15);
        Assert.Equal(["c", "d"], Lineage.Of(twin).Descendants(["x"]));
        Assert.Equal(["x", "a", "c", "d"], RemovalPlan.Of(twin, ["x", "a"], LineagePolicy.Cascade).Removed);
        // What was removed and comes back under another name is an ancestor still.
        var back = State.Without(["a"]).WithExpert(SampleForest.Expert("y", ("seed", 1)) with { Sha256 = SampleForest.Hash("a") });
        Assert.Equal(0.625, RemovalPlan.Of(back, ["y"], LineagePolicy.Only).Residuals.Single(r => r.Expert == "d").Share, 1e-15);
    }

    [Fact]
    public void A_parent_is_recorded_with_its_weights_and_nobody_else_takes_its_place()
    {
        var state = State.WithExpert(SampleForest.Expert("e", ("a", 0.5), ("seed", 0.5)));
        Assert.Equal([new ParentEntry("a", 0.5, SampleForest.Hash("a")), new ParentEntry("seed", 0.5)], state.Expert("e").Parents);
        var moved =
            state with { Experts = [.. state.Experts.Select(e => e.Name == "a" ? e with { Sha256 = SampleForest.Hash("other") } : e)] };
        Assert.Contains("parent \"a\" has not the weights of the one that is recorded", ForestStateRules.Problems(moved));
        // A forest whose "a" was replaced after "b" was branched from it; converted weights; a parent that is listed under another name.
        var manifest = SampleForest.Manifest with
        {
            Experts =
            [
                SampleForest.Entry("a", 1), SampleForest.Entry("b", 1) with { Parents = [new("a", 1, SampleForest.Hash("old a"))] },
                SampleForest.Entry("c",
                    2) with { Parents = [new("a", 0.5, SampleForest.Hash("a")), new("z", 0.5, SampleForest.Hash("b"))] },
            ],
        };
        var served = SampleForest.Served(manifest);
        var based = ForestState.Base(served with
        {
            Experts = [.. served.Experts.Select(e => e.Name == "a"
            ? e with { InSource = false, Sha256 = SampleForest.Hash("converted a") } : e)]
        }, manifest);
        Assert.Equal(0, Lineage.Of(based).Share("b", "a"));
        Assert.Equal(0.5, Lineage.Of(based).Share("c", "a"), 1e-15);
        Assert.Equal(0.5, Lineage.Of(based).Share("c", "b"), 1e-15);
        Assert.Equal([$"a.{SampleForest.Hash("old a")[..8]}"], based.Absent.Select(a => a.Name));
    }

    [Fact]
    public void In_a_manifest_a_parent_that_is_gone_has_no_lineage()
    {
        var forest = SampleForest.Manifest with { Experts = [.. SampleForest.Manifest.Experts.Where(e => e.Name != "a")] };
        Assert.Equal(0.375, Lineage.Of(forest).Share("d", "b"), 1e-15);
        Assert.Equal(0.375, Lineage.Of(forest).Share("d", "seed"), 1e-15);
    }

    [Fact]
    public void Shares_equal_a_brute_force_over_all_paths()
    {
        var random = new Random(7);
        for (var trial = 0; trial < 30; trial++)
        {
            var entries = new List<ExpertEntry>();
            for (var i = 0; i < 10; i++)
            {
                var parents = entries.Where(_ => random.Next(3) == 0).Select(e => (e.Name, Weight: random.NextDouble()))
                    .Append(("seed", 0.1)).ToList();
                var sum = parents.Sum(p => p.Item2);
                entries.Add(SampleForest.Entry($"e{i}", 1, [.. parents.Select(p => (p.Item1, p.Item2 / sum))]));
            }

            var lineage = Lineage.Of(SampleForest.Base(SampleForest.Manifest with { Experts = entries }));
            double Paths(string from, string to) => from == to ? 1
                : entries.FirstOrDefault(e => e.Name == from)?.Parents.Sum(p => p.Weight * Paths(p.Name, to)) ?? 0;
            foreach (var a in entries)
            {
                foreach (var b in entries)
                {
                    Assert.Equal(Paths(a.Name, b.Name), lineage.Share(a.Name, b.Name), 1e-12);
                    Assert.Equal(a != b && Paths(a.Name, b.Name) > 0, lineage.Descendants([b.Name]).Contains(a.Name));
                }
            }
        }
    }

    [Fact]
    public void A_chain_of_the_most_experts_is_followed_to_its_end()
    {
        var entries = Enumerable.Range(0, ForestManifestRules.MaxExperts).Select(i => i == 0 ? SampleForest.Entry("e0", 1, ("seed", 1))
            : SampleForest.Entry($"e{i}", 1, ($"e{i - 1}", 0.5), ("seed", 0.5))).ToList();
        var state = SampleForest.Base(SampleForest.Manifest with { Experts = entries });
        var lineage = Lineage.Of(state);
        Assert.Equal(Math.Pow(0.5, 1000), lineage.Share("e1000", "e0"));
        Assert.Equal(4095, lineage.Descendants(["e0"]).Count);
        Assert.Equal("e4095", lineage.Descendants(["e0"])[^1]);
        Assert.Equal(4095, RemovalPlan.Of(state, ["e1"], LineagePolicy.Cascade).Removed.Count);
        Assert.Equal(4094, RemovalPlan.Of(state, ["e1"], LineagePolicy.Quarantine).Quarantined.Count);
        Assert.Contains("last expert", Assert.Throws<BtxException>(() => RemovalPlan.Of(state, ["e0"], LineagePolicy.Cascade)).Message,
            StringComparison.Ordinal);
    }
}
