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
        IReadOnlyList<double[]> expertLogProbs, Routing routing, ReadOnlySpan<double> prior, int expert, Span<double> logProbs, IReadOnlyList<double[]>? weights = null, Span<double> finalPosterior = default)
    {
        int count = expertLogProbs.Count, n = logProbs.Length;
        var posterior = new DomainPosterior(prior, routing.Posterior, routing.SwitchingRate);
        var active = new bool[count];
        var w = new double[count];
        var at = new double[count];
        var terms = new double[count];
        for (var t = 0; t < n; t++)
        {
            Choose(routing, posterior, expert, t, active, w);
            posterior.Weights(w, active);
            for (var j = 0; j < count; j++)
            {
                at[j] = double.IsNaN(expertLogProbs[j][t]) ? double.NegativeInfinity : expertLogProbs[j][t];
                terms[j] = active[j] ? Math.Log(w[j]) + at[j] : double.NegativeInfinity;
                if (weights is not null) weights[j][t] = w[j];
            }

            logProbs[t] = LogSpace.Sum(terms);
            posterior.Observe(at, Observed(routing, t, active));
        }

        if (!finalPosterior.IsEmpty) posterior.Weights(finalPosterior);
    }

    // Under `switching` the active set redistributes its mass within itself, so a set chosen once must not hear of the others;
    // under the other kinds restricting afterwards comes to the same.
    private static ReadOnlySpan<bool> Observed(Routing routing, int t, bool[] active) =>
        routing is { Mode: RoutingMode.TopK or RoutingMode.TopP, Select: SelectForm.Prompt, Posterior: PosteriorKind.Switching } && t >= routing.SelectTokens ? active : default;

    private static void Choose(Routing routing, DomainPosterior posterior, int expert, int t, bool[] active, double[] w)
    {
        switch (routing.Mode)
        {
            case RoutingMode.Expert:
                active[expert] = true;
                return;
            case RoutingMode.TopK or RoutingMode.TopP when routing.Select == SelectForm.PerToken || t == routing.SelectTokens:
                posterior.Weights(w);
                if (routing.Select == SelectForm.Prompt) Array.Clear(active); // the first choice has no set to cling to
                if (routing.Mode == RoutingMode.TopK) ActiveSet.TopK(w, routing.K, active); else ActiveSet.TopP(w, routing.P, active);
                return;
            case RoutingMode.TopK or RoutingMode.TopP when t > routing.SelectTokens:
                return; // chosen once; kept
            default:
                Array.Fill(active, true); // ensemble, and the tokens that choose
                return;
        }
    }
}
