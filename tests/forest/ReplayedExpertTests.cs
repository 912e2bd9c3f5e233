using Btx.Engine.Tests.Fixtures;
using Btx.Model.Forests;

namespace Btx.Forest.Tests;

/// <summary>Experts that were trained again, from parents that are served under other names than where they were trained.</summary>
public sealed class ReplayedExpertTests(ServedForest forest)
{
    private static readonly Dictionary<string, double> Prior = new() { ["alpha"] = 0.125, ["beta"] = 0.5, ["epsilon"] = 0.375 };

    [Fact]
    public async Task A_parent_is_known_by_its_weights_where_its_name_is_anothers_here()
    {
        await using var f = new RegistryFixture(forest);
        var others = ForestManifest.Load(f.Others);
        (others with
        {
            Experts = [.. others.Experts.Select(e => e.Name == "epsilon"
            ? e with { Parents = [new("alpha", 0.75), new("seed", 0.25)], Prior = Prior } : e)]
        }).Save(f.Others);
        var refused = await Assert.ThrowsAsync<Model.BtxException>(() => f.Add());
        Assert.Contains("its \"alpha\" has other weights than \"alpha\" here", refused.Message, StringComparison.Ordinal);

        await f.Registry.ChangeAsync(f.Addition("alpha-clean", Path.Combine(f.Others, "experts", "alpha")));
        await f.Add();
        Assert.Equal([("alpha-clean", 0.75), ("seed", 0.25)], f.Registry.State.Expert("epsilon").Parents.Select(p => (p.Name, p.Weight)));
        // beta there is not beta here
        Assert.Equal(new Dictionary<string, double> { ["alpha-clean"] = 0.25, ["epsilon"] = 0.75 },
            f.Registry.State.Expert("epsilon").Prior!);
        var residuals = f.Registry.Plan(["alpha-clean"], "only").Residuals.Where(r => r.Share > 0);
        Assert.Equal([("epsilon", 0.75)], residuals.Select(r => (r.Expert, r.Share)));
    }

    [Fact]
    public async Task An_ancestor_that_was_removed_here_is_known_by_its_weights_under_any_name()
    {
        await using var f = new RegistryFixture(forest);
        var others = ForestManifest.Load(f.Others);
        (others with { Experts = [.. others.Experts.Select(e => e.Name == "epsilon" ? e with { Parents = [new("beta", 1)] } : e)] }).Save(
            f.Others);
        await f.Registry.ChangeAsync(f.Addition("guest", Path.Combine(f.Others, "experts", "beta")));
        await f.Remove("guest");
        await f.Add();
        Assert.Equal([("guest", others.Expert("beta").Sha256)], f.Registry.State.Expert("epsilon").Parents.Select(p => (p.Name, p.Sha256)));
        await f.Registry.ChangeAsync(f.Addition("guest", Path.Combine(f.Others, "experts", "beta")));
        var residual = (await f.Remove("guest")).Certificate!.Residuals.Single(r => r.Expert == "epsilon");
        Assert.Equal(1, residual.Share);
    }

    [Fact]
    public async Task A_root_may_be_an_expert_itself()
    {
        await using var f = new RegistryFixture(forest, registered: options =>
            options with { ExpertRoots = [.. options.ExpertRoots, Path.Combine(options.ExpertRoots[0], "experts", "epsilon")] });
        await f.Registry.ChangeAsync(f.Addition("epsilon", f.Options.ExpertRoots[^1]));
        Assert.Contains(f.Registry.State.Experts, e => e.Name == "epsilon");
    }
}
