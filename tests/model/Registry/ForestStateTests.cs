using Btx.Model.Forests;
using Btx.Model.Registry;

namespace Btx.Model.Tests.Registry;

public sealed class ForestStateTests
{
    private static readonly ForestState State = SampleForest.State;

    private static string Problem(Action change)
    {
        var message = Assert.Throws<BtxException>(change).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    // What is hashed and signed: with a field in another place no journal or certificate of before could be checked.
    [Fact]
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    public void Canonical_bytes_stay_as_they_are()
    {
        var certificate = RemovalCertificateTests.Unsigned(LineagePolicy.Quarantine);
        var request = SampleForest.Request(ChangeKind.Add, "e") with
        {
            Policy = LineagePolicy.Only,
            Purge = [PurgeTarget.Of(SampleForest.State.Experts[0])],
        };
        var change = new ChangeRecord("c000010", request, certificate.Time, "c000009", 1, certificate.StateBeforeSha256,
            certificate.StateAfterSha256);
        var after = SampleForest.State.WithExpert(SampleForest.Expert("e", ("a", 1))).Without(["b"]);
        Assert.Equal(
            [
                "d3d39ba9f7ef19df9c6c26aec03316b4df81d27c54be9a2f84cdedb987d18f15",
                "1863dff2e95cd3883a4f1e7be38908af06d5e609c15f1b54d7f8e34cbd67d175",
                "cd75b7c45117726b8452f64c6c67d22744311738550be9c7e54034d67ba6000a",
                "910248f27399aa098d54a13063c89ae9abf285978a283c824f922bb2886e4e7d",
            ],
            [after.Hash(), SampleForest.Manifest.Hash(), ManifestJson.Hash(ManifestJson.Line(JournalRecord.Begin(change, after))),
                ManifestJson.Hash(certificate.SignedBytes())]);
    }

    [Fact]
    public void Revision_0_is_what_was_exported()
    {
        Assert.Equal(0, State.Revision);
        Assert.Equal(["a", "b", "c", "d"], State.Experts.Select(e => e.Name));
        Assert.Equal([new ParentEntry("a", 0.25), new ParentEntry("b", 0.75)], State.Expert("c").Parents);
        Assert.Equal((ExpertRoot.Source, "experts/a"), (State.Expert("a").Root, State.Expert("a").Path));
        Assert.Equal(State.Hash(), SampleForest.Base(SampleForest.Manifest).Hash());
    }

    [Fact]
    public void Revision_0_is_read_from_disk_and_outlives_a_purge()
    {
        using var directory = new TemporaryDirectory();
        var (served, state) = SampleForest.Write(directory);
        Assert.Equal(state.Hash(), ForestState.Load(served).Hash());
        ExpertPurge.Delete(directory["forest/experts/a"]);
        Assert.Equal(state.Hash(), ForestState.Load(served).Hash());
        (SampleForest.Manifest with { Experts = [SampleForest.Manifest.Experts[0]] }).Save(directory["forest"]);
        Assert.Contains("has changed since", Problem(() => ForestState.Load(served)), StringComparison.Ordinal);
    }

    [Fact]
    public void Ancestors_that_are_not_served_are_still_known()
    {
        var served = SampleForest.Served(SampleForest.Manifest);
        var state = ForestState.Base(served with { Experts = [.. served.Experts.Where(e => e.Name is "c" or "d")] },
            SampleForest.Manifest with { Experts = [.. SampleForest.Manifest.Experts.Where(e => e.Name != "b")] });
        Assert.Equal(["a", "b"], state.Absent.Select(a => a.Name));
        Assert.Equal(0.625, Lineage.Of(state).Share("d", "a"), 1e-15);
        Assert.Equal(0.375, Lineage.Of(state).Share("d", "b"), 1e-15);
    }

    [Fact]
    public void Removing_restricts_and_rescales_priors_and_averages()
    {
        var state = State.WithAverage(NamedAverage.Of("ab", new Dictionary<string, double> { ["a"] = 1, ["b"] = 3 }))
            .WithAverage(NamedAverage.Of("bc", new Dictionary<string, double> { ["b"] = 1, ["c"] = 1 }))
            .WithAverage(NamedAverage.Of("only-b", new Dictionary<string, double> { ["b"] = 2 }))
            .WithAverage(new() { Name = "for-a", Domain = "a" })
            .WithAverage(new() { Name = "for-b", Domain = "b" });
        var after = state.Without(["b"]);
        Assert.Equal(state.Revision + 1, after.Revision);
        Assert.Equal(["a", "c", "d"], after.Experts.Select(e => e.Name));
        Assert.Equal(2.0 / 3, after.Expert("a").Prior!["a"], 1e-15);
        Assert.Equal(1.0 / 3, after.Expert("a").Prior!["c"], 1e-15);
        Assert.DoesNotContain("b", after.Expert("a").Prior!.Keys);
        Assert.Equal(["ab", "bc", "for-a"], after.Averages.Select(a => a.Name));
        Assert.Equal([1.0, 0, 0], after.Weights(after.Averages[0], ["a", "c", "d"])!);
        Assert.Equal([0, 1.0, 0], after.Weights(after.Averages[1], ["a", "c", "d"])!);
        Assert.Equal([2.0 / 3, 1.0 / 3], after.Weights(after.Averages[2], ["a", "c"])!);
        Assert.Equal(("b", 6L), (after.Absent[^1].Name, after.Absent[^1].RemovedIn));
        Assert.Null(after.Without(["a"]).Without(["c"]).Expert("d").Prior);
        Assert.Equal(["a", "b", "c", "d"], state.Experts.Select(e => e.Name)); // the old state is as it was
    }

    [Fact]
    public void A_quarantined_expert_stays_listed_without_averages()
    {
        var after = State.WithAverage(NamedAverage.Of("ab", new Dictionary<string, double> { ["a"] = 1, ["b"] = 1 })).Quarantine(["a"]);
        Assert.Equal(ExpertStatus.Quarantined, after.Expert("a").Status);
        Assert.Equal(["b", "c", "d"], after.Ready.Select(e => e.Name));
        Assert.Equal(1, after.Averages[0].Weights!["b"]);
        Assert.Contains("quarantined already", Problem(() => after.Quarantine(["a"])), StringComparison.Ordinal);
        Assert.Contains("no expert \"a\" serves",
            Problem(() => after.WithAverage(NamedAverage.Of("x", new Dictionary<string, double> { ["a"] = 1 }))), StringComparison.Ordinal);
        Assert.Contains("last expert", Problem(() => after.Without(["b", "c", "d"])), StringComparison.Ordinal);
    }

    [Fact]
    public void An_expert_is_added_with_new_priors()
    {
        var prior = new Dictionary<string, double> { ["a"] = 0.5, ["e"] = 0.5 };
        var after = State.WithExpert(SampleForest.Expert("e", ("d", 1)),
            new Dictionary<string, IReadOnlyDictionary<string, double>> { ["e"] = prior, ["b"] = prior });
        Assert.Equal(1, after.Revision);
        Assert.Equal(prior, after.Expert("e").Prior);
        Assert.Equal(prior, after.Expert("b").Prior);
        Assert.Equal(State.Expert("a").Prior, after.Expert("a").Prior);
        Assert.NotEqual(State.Hash(), after.Hash());
    }

    [Fact]
    public void What_cannot_be_done_is_said_in_one_line()
    {
        Assert.Contains("a, b, c, d", Problem(() => State.Without(["x"])), StringComparison.Ordinal);
        Assert.Contains("removed already, in revision 1", Problem(() => State.Without(["a"]).Without(["a"])), StringComparison.Ordinal);
        Assert.Contains("last expert", Problem(() => State.Without(["a", "b", "c", "d"])), StringComparison.Ordinal);
        Assert.Contains("no expert is named", Problem(() => State.Without([])), StringComparison.Ordinal);
        Assert.Contains("in the forest already", Problem(() => State.WithExpert(SampleForest.Expert("a"))), StringComparison.Ordinal);
        Assert.Contains("was removed in revision 1",
            Problem(() => State.Without(["a"]).WithExpert(SampleForest.Expert("a") with { Sha256 = SampleForest.Hash("other") })),
            StringComparison.Ordinal);
        Assert.Contains("parent \"x\" is unknown", Problem(() => State.WithExpert(SampleForest.Expert("e", ("x", 1)))),
            StringComparison.Ordinal);
        Assert.Contains("must be absolute", Problem(() => State.WithExpert(SampleForest.Expert("e") with { Path = "models/e" })),
            StringComparison.Ordinal);
        Assert.Contains("..", Problem(() => State.WithExpert(SampleForest.Expert("e") with { Path = "/models/../e" })),
            StringComparison.Ordinal);
        Assert.Contains("root \"home\"", Problem(() => State.WithExpert(SampleForest.Expert("e") with { Root = "home" })),
            StringComparison.Ordinal);
        Assert.Contains("sha256", Problem(() => State.WithExpert(SampleForest.Expert("e") with { Sha256 = "x" })),
            StringComparison.Ordinal);
        Assert.Contains("reserved", Problem(() =>
            State.WithAverage(NamedAverage.Of("posterior", new Dictionary<string, double> { ["a"] = 1 }))), StringComparison.Ordinal);
        Assert.Contains("known are a, b", Problem(() => State.WithAverage(new() { Name = "x", Domain = "c" })), StringComparison.Ordinal);
        Assert.Contains("either weights or a domain", Problem(() => State.WithAverage(new() { Name = "x" })), StringComparison.Ordinal);
        Assert.Contains("sum to 0", Problem(() => NamedAverage.Of("x", new Dictionary<string, double> { ["a"] = 0 })),
            StringComparison.Ordinal);
        Assert.Contains("is NaN", Problem(() => NamedAverage.Of("x", new Dictionary<string, double> { ["a"] = double.NaN })),
            StringComparison.Ordinal);
        Assert.Contains("there are none", Problem(() => State.WithoutAverage("x")), StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_removed_comes_back_with_its_recorded_lineage()
    {
        var back = State.Without(["c"]).WithExpert(SampleForest.Expert("c", ("b", 1)));
        Assert.Equal(State.Expert("c").Parents, back.Expert("c").Parents);
        Assert.Empty(back.Absent);
        // Under another name it is the same expert, and no other lineage makes it descend from nobody.
        var renamed = State.Without(["c"]).WithExpert(SampleForest.Expert("new", ("seed", 1)) with { Sha256 = SampleForest.Hash("c") });
        Assert.Equal(0.25, RemovalPlan.Of(renamed, ["a"], LineagePolicy.Only).Residuals.Single(r => r.Expert == "new").Share, 1e-15);
        var twin = State.WithExpert(SampleForest.Expert("twin", ("seed", 1)) with { Sha256 = SampleForest.Hash("c") });
        Assert.Equal(State.Expert("c").Parents, twin.Expert("twin").Parents);
    }

    [Fact]
    public void Averages_are_made_and_dropped()
    {
        var state = State.WithAverage(NamedAverage.Of("x", new Dictionary<string, double> { ["b"] = 3, ["a"] = 1, ["c"] = 0 }));
        Assert.Equal(new Dictionary<string, double> { ["a"] = 0.25, ["b"] = 0.75 }, state.Averages[0].Weights);
        Assert.Contains("exists already", Problem(() => state.WithAverage(state.Averages[0])), StringComparison.Ordinal);
        Assert.Empty(state.WithoutAverage("x").Averages);
    }
}
