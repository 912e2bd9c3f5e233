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

    /// <param name="sequenceEndPosterior">Full-prefix posterior under a uniform prior after a sequence, length E.</param>
    public void Add(ReadOnlySpan<double> sequenceEndPosterior)
    {
        for (var j = 0; j < prior.Length; j++) prior[j] = (Decay * prior[j]) + ((1 - Decay) * sequenceEndPosterior[j]);
    }
}
