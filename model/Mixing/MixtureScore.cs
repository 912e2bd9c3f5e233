namespace Btx.Model.Mixing;

/// <summary>
/// The mixture's log-probabilities of a given text, from the experts' own: p(x_t) = Σ_j w_j(t) p_j(x_t). Used by evaluation and
/// by the server's Score, so both mean the same.
/// </summary>
public static class MixtureScore
{
    /// <param name="expertLogProbs">[E][n]: log p_j(x_t | x_&lt;t) for the n predicted tokens; NaN (a broken expert) counts as −∞.</param>
    /// <param name="routing">Mode ensemble, top_k, top_p or expert (an average is one model: score that).</param>
    /// <param name="prior">π, length E.</param>
    /// <param name="expert">Index of the expert for <see cref="RoutingMode.Expert"/>.</param>
    /// <param name="logProbs">[n], out: log p(x_t | x_&lt;t) of the mixture.</param>
    /// <param name="weights">[E][n], out: the weight w_j(t) used for token t; may be null.</param>
    /// <param name="finalPosterior">Length E, out: the posterior over all experts after the last token; may be empty.</param>
    public static void Score(
        IReadOnlyList<double[]> expertLogProbs, Routing routing, ReadOnlySpan<double> prior, int expert, Span<double> logProbs,
        IReadOnlyList<double[]>? weights = null, Span<double> finalPosterior = default)
    {
        var count = expertLogProbs.Count;
        var scorer = new MixtureScorer(count, routing, prior, expert);
        var at = new double[count];
        var terms = new double[count];
        for (var t = 0; t < logProbs.Length; t++)
        {
            scorer.Weigh(t);
            for (var j = 0; j < count; j++)
            {
                at[j] = expertLogProbs[j][t];
                terms[j] = scorer.Active[j] && !double.IsNaN(at[j]) ? Math.Log(scorer.Weights[j]) + at[j] : double.NegativeInfinity;
                if (weights is not null) weights[j][t] = scorer.Weights[j];
            }

            logProbs[t] = LogSpace.Sum(terms);
            scorer.Observe(t, at);
        }

        if (!finalPosterior.IsEmpty) scorer.Posterior.Weights(finalPosterior);
    }
}
