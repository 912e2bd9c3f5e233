using Btx.Model.Mixing;

namespace Btx.Model.Tests.Mixing;

public sealed class CachedPriorTests
{
    private const double Never = double.NegativeInfinity;

    [Fact]
    public void Starts_uniform_and_moves_three_tenths_of_the_way()
    {
        Assert.Equal([0.5, 0.5], CachedPrior.Estimate([[], []]));
        Assert.Equal([0.65, 0.35], CachedPrior.Estimate([[0], [Never]]), (a, b) => Math.Abs(a - b) < 1e-15);
        Assert.Equal([0.455, 0.545], CachedPrior.Estimate([[0, Never], [Never, 0]]), (a, b) => Math.Abs(a - b) < 1e-15);
    }

    [Fact]
    public void It_is_estimated_from_the_likelihoods_of_whole_sequences()
    {
        double w1 = 1 / (1 + Math.Exp(-16)), w2 = 1 / (1 + Math.Exp(7));
        var prior = CachedPrior.Estimate([[-18, -9], [-2, -16]]);
        Assert.Equal((0.7 * ((0.7 * 0.5) + (0.3 * w1))) + (0.3 * w2), prior[1], 1e-12);
        Assert.Equal(1, prior.Sum(), 1e-12);
    }

    [Fact]
    public void A_hundred_sequences_of_one_domain_make_it_nearly_certain_and_it_still_sums_to_one()
    {
        double[] silent = [.. Enumerable.Repeat(Never, CachedPrior.Sequences)];
        var prior = CachedPrior.Estimate([silent, new double[CachedPrior.Sequences], silent]);
        Assert.InRange(prior[1], 1 - 1e-12, 1);
        Assert.Equal(1, prior.Sum(), 1e-12);
        Assert.All(prior, w => Assert.True(w > 0, "the prior shut an expert out"));
    }
}
