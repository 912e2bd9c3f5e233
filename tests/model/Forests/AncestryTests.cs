using Btx.Model.Forests;

namespace Btx.Model.Tests.Forests;

public sealed class AncestryTests
{
    private static readonly ForestManifest Forest = new()
    {
        Architecture = new string('0', 64),
        Tokenizer = new string('0', 64),
        Experts =
        [
            Expert("a", new ParentEntry("seed", 1)),
            Expert("b", new ParentEntry("seed", 1)),
            Expert("c", new ParentEntry("a", 0.25), new ParentEntry("b", 0.75)),
            Expert("d", new ParentEntry("c", 0.5), new ParentEntry("a", 0.5)),
        ],
    };

    [Theory]
    [InlineData("a", "a", 1)]
    [InlineData("a", "b", 0)]
    [InlineData("c", "a", 0.25)]
    [InlineData("d", "b", 0.375)]
    [InlineData("d", "a", 0.625)]
    [InlineData("d", "seed", 1)]
    [InlineData("a", "d", 0)]
    public void Residual_ancestry_sums_the_products_of_weights_over_paths(string expert, string ancestor, double share) =>
        Assert.Equal(share, Ancestry.Share(Forest, expert, ancestor), 1e-15);

    [Fact]
    public void A_lineage_that_leads_back_to_itself_ends() =>
        Assert.Equal(0.5, Ancestry.Share(Forest with { Experts = [Expert("x", new ParentEntry("y", 1)), Expert("y", new ParentEntry("x", 0.5), new ParentEntry("a", 0.5))] }, "x", "a"), 1e-15);

    private static ExpertEntry Expert(string name, params ParentEntry[] parents) => new() { Name = name, Domain = name, Path = $"experts/{name}", Sha256 = new string('0', 64), Parents = parents };
}
