using Btx.Model.Averaging;
using Btx.Model.Mixing;

namespace Btx.Model.Tests.Averaging;

public sealed class AverageSharesTests
{
    [Theory]
    [InlineData(AverageWeights.Uniform, 0.25, 0.25, 0.25, 0.25)]
    [InlineData(AverageWeights.Posterior, 0.1, 0.4, 0.4, 0.1)]
    [InlineData(AverageWeights.Argmax, 0.0, 1.0, 0.0, 0.0)]
    public void Shares_follow_the_rule_and_a_tie_goes_to_the_first(AverageWeights rule, double a, double b, double c, double d) =>
        Assert.Equal([a, b, c, d], AverageShares.Of(rule, [0.1, 0.4, 0.4, 0.1]));
}
