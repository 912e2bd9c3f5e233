namespace Btx.Model.Mixing;

/// <summary>
/// DEMix's cached prior of a domain: an exponential moving average of the sequence-end posterior over held-out sequences,
/// π ← 0.7·π + 0.3·w, starting from uniform; then frozen.
/// </summary>
public sealed class CachedPrior(int experts)
{
    /// <summary>How many held-out sequences the papers use.</summary>
    public const int Sequences = 100;
    public const double Decay = 0.7;

    private readonly double[] prior = DomainPosterior.Uniform(experts);

    public ReadOnlySpan<double> Value => prior;

    /// <summary>The prior after all sequences of a domain.</summary>
    /// <param name="logLikelihoods">[expert][sequence]: total log-likelihood in nats. At a sequence's end only the totals count.</param>
    /// <returns>Length E, sums to 1.</returns>
    public static double[] Estimate(IReadOnlyList<double[]> logLikelihoods)
    {
        var experts = logLikelihoods.Count;
        var prior = new CachedPrior(experts);
        var posterior = new DomainPosterior(DomainPosterior.Uniform(experts), PosteriorKind.FullPrefix);
        double[] sequence = new double[experts], weights = new double[experts];
        for (var n = 0; n < logLikelihoods[0].Length; n++)
        {
            for (var j = 0; j < experts; j++) sequence[j] = logLikelihoods[j][n];
            posterior.Reset();
            posterior.Observe(sequence);
            posterior.Weights(weights);
            prior.Add(weights);
        }

        return prior.prior;
    }

    /// <param name="sequenceEndPosterior">Full-prefix posterior under a uniform prior after a sequence, length E.</param>
    public void Add(ReadOnlySpan<double> sequenceEndPosterior)
    {
        for (var j = 0; j < prior.Length; j++) prior[j] = (Decay * prior[j]) + ((1 - Decay) * sequenceEndPosterior[j]);
    }
}
