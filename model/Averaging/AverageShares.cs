using Btx.Model.Mixing;

namespace Btx.Model.Averaging;

/// <summary>The w of a parameter average θ = Σ_j w_j θ_j, from the prior of the target domain.</summary>
public static class AverageShares
{
    /// <param name="prior">π of the target domain, length E, sums to 1. By
    /// <see cref="AverageWeights.Uniform"/> only its length counts.</param>
    /// <returns>Length E, sums to 1.</returns>
    public static double[] Of(AverageWeights rule, ReadOnlySpan<double> prior)
    {
        switch (rule)
        {
            case AverageWeights.Uniform:
                return DomainPosterior.Uniform(prior.Length);
            case AverageWeights.Posterior:
                return prior.ToArray();
            default:
                var shares = new double[prior.Length];
                shares[ActiveSet.Largest(prior)] = 1;
                return shares;
        }
    }
}
