using Btx.Model.Mixing;

namespace Btx.Trainer.Evaluation;

/// <summary>What the forest's mixtures give to a text, from the experts' own log-probabilities:
/// the server's Score does the same sums.</summary>
public static class ForestMixture
{
    /// <summary>The prior that a routing starts from: the target domain's cached one for
    /// <see cref="PosteriorKind.Fixed"/>, uniform otherwise.</summary>
    public static double[] Prior(Routing routing, TargetPrior target) =>
        routing.Posterior == PosteriorKind.Fixed && routing.Mode == RoutingMode.Ensemble ? target.Weights
        : DomainPosterior.Uniform(target.Weights.Length);

    /// <summary>Total log-probability in nats.</summary>
    /// <param name="logProbs">[expert][sequence][token]; the posterior starts anew at each sequence.</param>
    /// <param name="routing">Any mode but average.</param>
    /// <param name="expert">Index for mode expert.</param>
    public static double Total(IReadOnlyList<double[][]> logProbs, Routing routing, double[] prior, int expert = 0)
    {
        var total = 0.0;
        var sequence = new double[logProbs.Count][];
        var mixed = Array.Empty<double>();
        for (var s = 0; s < logProbs[0].Length; s++)
        {
            for (var j = 0; j < sequence.Length; j++) sequence[j] = logProbs[j][s];
            var n = sequence[0].Length;
            if (mixed.Length < n) mixed = new double[n];
            MixtureScore.Score(sequence, routing, prior, expert, mixed.AsSpan(0, n));
            for (var t = 0; t < n; t++) total += mixed[t];
        }

        return total;
    }
}
