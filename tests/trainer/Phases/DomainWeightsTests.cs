using Btx.Model;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Tests.Phases;

public sealed class DomainWeightsTests
{
    [Fact]
    public void Domains_that_are_not_named_weigh_one_and_the_shares_sum_to_one()
    {
        Assert.Equal([0.5, 0.25, 0.25], DomainWeights.Parse(["ants=2"], TinyWorld.Domains));
        Assert.Equal([0, 1, 0], DomainWeights.Parse(["ants=0", "cows=0"], TinyWorld.Domains));
        Assert.Null(DomainWeights.Parse([], TinyWorld.Domains));
    }

    [Theory]
    [InlineData("dogs=1", "\"dogs\" is no domain of this run; it has ants, bees, cows")]
    [InlineData("ants=-1", "with a number of at least 0")]
    [InlineData("ants=NaN", "with a number of at least 0")]
    [InlineData("ants=much", "with a number of at least 0")]
    [InlineData("ants", "is not NAME=NUMBER")]
    [InlineData("ants=1,ants=2", "ants is named twice")]
    [InlineData("ants=0,bees=0,cows=0", "sum to 0; at least one must be above 0")]
    public void Anything_else_is_one_line(string flag, string message)
    {
        var e = Assert.Throws<BtxException>(() => DomainWeights.Parse(flag.Split(','), TinyWorld.Domains));
        Assert.StartsWith("--weights: ", e.Message);
        Assert.Contains(message, e.Message);
    }
}
