namespace Btx.Model.Mixing;

/// <summary>The mixture's log-probabilities of a given text, from the experts' own: p(x_t) = Σ_j w_j(t) p_j(x_t). Used by evaluation and by
/// the server's Score, so both mean the same.</summary>
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

/// <summary>
/// Who is active and with which weight at each token of a given text, token by token: what <see cref="MixtureScore"/> mixes by.
/// </summary>
/// <param name="experts">E.</param>
/// <param name="routing">As for <see cref="MixtureScore.Score"/>.</param>
/// <param name="prior">π, length E.</param>
/// <param name="expert">Index of the expert for <see cref="RoutingMode.Expert"/>.</param>
public sealed class MixtureScorer(int experts, Routing routing, ReadOnlySpan<double> prior, int expert = 0)
{
    private readonly double[] observed = new double[experts];

    /// <summary>Over all experts, given the tokens observed so far.</summary>
    public DomainPosterior Posterior { get; } = new(prior, routing.Posterior, routing.SwitchingRate);

    /// <summary>[E]: who predicts the token.</summary>
    public bool[] Active { get; } = new bool[experts];

    /// <summary>[E]: w_j(t), 0 for those that are not active.</summary>
    public double[] Weights { get; } = new double[experts];

    /// <summary>Sets <see cref="Active"/> and <see cref="Weights"/> for predicted token <paramref name="t"/>, counted from 0.</summary>
    public void Weigh(int t)
    {
        Choose(t);
        Posterior.Weights(Weights, Active);
    }

    /// <summary>Takes the token in.</summary>
    /// <param name="logProbs">[E]: log p_j(x_t); NaN (a broken expert) counts as −∞.</param>
    public void Observe(int t, ReadOnlySpan<double> logProbs)
    {
        for (var j = 0; j < observed.Length; j++) observed[j] = double.IsNaN(logProbs[j]) ? double.NegativeInfinity : logProbs[j];
        Posterior.Observe(observed, Observed(t));
    }

    // Under `switching` an observation moves weight only within the active set, so once the set is chosen only its members are observed.
    // Under the other kinds, restricting the weights afterwards gives the same result; check this for a new kind.
    private ReadOnlySpan<bool> Observed(int t) =>
        routing is { Mode: RoutingMode.TopK or RoutingMode.TopP, Select: SelectForm.Prompt, Posterior: PosteriorKind.Switching }
        && t >= routing.SelectTokens ? Active : default;

    private void Choose(int t)
    {
        switch (routing.Mode)
        {
            case RoutingMode.Expert:
                Active[expert] = true;
                return;
            case RoutingMode.TopK or RoutingMode.TopP when routing.Select == SelectForm.PerToken || t == routing.SelectTokens:
                Posterior.Weights(Weights);
                if (routing.Select == SelectForm.Prompt) Array.Clear(Active); // no previous set: no hysteresis of top_p
                if (routing.Mode == RoutingMode.TopK)
                    ActiveSet.TopK(Weights, routing.K, Active);
                else ActiveSet.TopP(Weights, routing.P, Active);
                return;
            case RoutingMode.TopK or RoutingMode.TopP when t > routing.SelectTokens:
                return; // chosen once; kept
            default:
                Array.Fill(Active, true); // ensemble, and the tokens that choose
                return;
        }
    }
}
