namespace Btx.Model.Mixing;

/// <summary>The domain posterior of one sequence: weights w_j(t) over E experts, updated token by token. Works in log space, sums to 1,
/// never NaN: if every active expert gave the text probability 0, the weights fall back to the prior. Experts that did not run are
/// inactive: their likelihood is unknown, so weights are the posterior restricted to the active set and renormalised. Sources: DEMix (arXiv
/// 2108.05036) section 5; c-BTM (2303.14177); fixed share: Herbster and Warmuth 1998.</summary>
public sealed class DomainPosterior
{
    private readonly double[] logPrior;
    private readonly double[] logWeights; // unnormalised: log π + log-likelihood, or the switching weights
    private readonly double[] scratch;

    /// <param name="prior">π, length E, not negative, sums to 1.</param>
    /// <param name="switchingRate">α; used by <see cref="PosteriorKind.Switching"/> only.</param>
    public DomainPosterior(ReadOnlySpan<double> prior, PosteriorKind kind, double switchingRate = 0)
    {
        Kind = kind;
        SwitchingRate = switchingRate;
        logPrior = new double[prior.Length];
        for (var j = 0; j < prior.Length; j++) logPrior[j] = Math.Log(prior[j]);
        logWeights = (double[])logPrior.Clone();
        scratch = new double[prior.Length];
    }

    public PosteriorKind Kind { get; }

    public double SwitchingRate { get; }

    public int Count => logPrior.Length;

    /// <summary>The prior that prefers no expert: 1 / E each, length E.</summary>
    public static double[] Uniform(int experts) => [.. Enumerable.Repeat(1.0 / experts, experts)];

    /// <summary>Forgets the text.</summary>
    public void Reset() => logPrior.CopyTo(logWeights, 0);

    /// <summary>Takes in one more token of text.</summary>
    /// <param name="logProbs">log p_j(x_t | x_&lt;t), length E; entries of inactive experts are not read. −∞ is
    /// allowed; NaN (a broken expert) counts as −∞.</param>
    /// <param name="active">Which experts ran, length E; empty: all.</param>
    public void Observe(ReadOnlySpan<double> logProbs, ReadOnlySpan<bool> active = default)
    {
        switch (Kind)
        {
            case PosteriorKind.Fixed:
                return;
            case PosteriorKind.LastToken or PosteriorKind.FullPrefix:
                var before = Kind == PosteriorKind.LastToken ? logPrior : logWeights;
                for (var j = 0; j < Count; j++)
                    if (IsActive(active, j)) logWeights[j] = before[j] + Likelihood(logProbs[j]);
                return;
            case PosteriorKind.Switching:
                Switch(logProbs, active);
                return;
            default:
                throw new InvalidOperationException($"no formula for the posterior {Kind}");
        }
    }

    /// <summary>The weights w_j(t) for the next token; 0 for inactive experts. Sums to 1.</summary>
    /// <param name="weights">Length E.</param>
    /// <param name="active">Length E with at least one true; empty: all.</param>
    public void Weights(Span<double> weights, ReadOnlySpan<bool> active = default)
    {
        if (Restrict(logWeights, active, weights)) return;
        if (Restrict(logPrior, active, weights)) return;
        var n = 0;
        for (var j = 0; j < Count; j++) n += IsActive(active, j) ? 1 : 0;
        for (var j = 0; j < Count; j++) weights[j] = IsActive(active, j) ? 1.0 / n : 0;
    }

    // bayes redistributes the mass of the active set within it; the share step then leaks α towards π over all experts.
    private void Switch(ReadOnlySpan<double> logProbs, ReadOnlySpan<bool> active)
    {
        double before = LogMass(logWeights, active, default), after = LogMass(logWeights, active, logProbs);
        var all = LogSpace.Sum(logWeights);
        for (var j = 0; j < Count; j++)
        {
            var bayes = logWeights[j] - all;
            if (IsActive(active, j) && !double.IsNegativeInfinity(after))
                bayes = logWeights[j] + Likelihood(logProbs[j]) - after + before - all;
            scratch[j] = bayes;
        }

        double keep = Math.Log(1 - SwitchingRate), share = Math.Log(SwitchingRate);
        Span<double> two = stackalloc double[2];
        for (var j = 0; j < Count; j++)
        {
            two[0] = keep + scratch[j];
            two[1] = share + logPrior[j];
            logWeights[j] = LogSpace.Sum(two);
        }
    }

    private double LogMass(ReadOnlySpan<double> weights, ReadOnlySpan<bool> active, ReadOnlySpan<double> logProbs)
    {
        for (var j = 0; j < Count; j++)
            scratch[j] = !IsActive(active, j) ? double.NegativeInfinity
                : logProbs.IsEmpty ? weights[j] : weights[j] + Likelihood(logProbs[j]);
        return LogSpace.Sum(scratch);
    }

    private bool Restrict(ReadOnlySpan<double> log, ReadOnlySpan<bool> active, Span<double> weights)
    {
        for (var j = 0; j < Count; j++) scratch[j] = IsActive(active, j) ? log[j] : double.NegativeInfinity;
        return LogSpace.Softmax(scratch, weights);
    }

    // A log-probability is at most 0, up to rounding.
    private static double Likelihood(double logProb) => logProb < 1 ? logProb : double.IsNaN(logProb) ? double.NegativeInfinity : 0;

    private static bool IsActive(ReadOnlySpan<bool> active, int j) => active.IsEmpty || active[j];
}

/// <summary>DEMix's cached prior of a domain: an exponential moving average of the sequence-end posterior over held-out sequences, π ←
/// 0.7·π + 0.3·w, starting from uniform; then frozen.</summary>
public static class CachedPrior
{
    /// <summary>How many held-out sequences the papers use.</summary>
    public const int Sequences = 100;
    public const double Decay = 0.7;

    /// <summary>The prior after all sequences of a domain.</summary>
    /// <param name="logLikelihoods">[expert][sequence]: total log-likelihood in nats. At a sequence's end only the totals count.</param>
    /// <returns>Length E, sums to 1.</returns>
    public static double[] Estimate(IReadOnlyList<double[]> logLikelihoods)
    {
        var experts = logLikelihoods.Count;
        var prior = DomainPosterior.Uniform(experts);
        var posterior = new DomainPosterior(prior, PosteriorKind.FullPrefix);
        double[] sequence = new double[experts], weights = new double[experts];
        for (var n = 0; n < logLikelihoods[0].Length; n++)
        {
            for (var j = 0; j < experts; j++) sequence[j] = logLikelihoods[j][n];
            posterior.Reset();
            posterior.Observe(sequence);
            posterior.Weights(weights);
            for (var j = 0; j < experts; j++) prior[j] = (Decay * prior[j]) + ((1 - Decay) * weights[j]);
        }

        return prior;
    }
}
