namespace Btx.Model.Mixing;

/// <summary>
/// Who is active and with which weight at each token of a given text, token by token: what <see cref="MixtureScore"/> mixes by.
/// </summary>
/// <param name="experts">E.</param>
/// <param name="routing">As for <see cref="MixtureScore.Score"/>.</param>
/// <param name="prior">π, length E.</param>
/// <param name="expert">Index of the expert for <see cref="RoutingMode.Expert"/>.</param>
public sealed class MixtureScorer(int experts, Routing routing, ReadOnlySpan<double> prior, int expert = 0)
{
    private readonly double[] heard = new double[experts];

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
        for (var j = 0; j < heard.Length; j++) heard[j] = double.IsNaN(logProbs[j]) ? double.NegativeInfinity : logProbs[j];
        Posterior.Observe(heard, Observed(t));
    }

    // Under `switching` the active set redistributes its mass within itself, so a set chosen once must not hear of the others;
    // under the other kinds restricting afterwards comes to the same.
    private ReadOnlySpan<bool> Observed(int t) =>
        routing is { Mode: RoutingMode.TopK or RoutingMode.TopP, Select: SelectForm.Prompt, Posterior: PosteriorKind.Switching }
        && t >= routing.SelectTokens
            ? Active
            : default;

    private void Choose(int t)
    {
        switch (routing.Mode)
        {
            case RoutingMode.Expert:
                Active[expert] = true;
                return;
            case RoutingMode.TopK or RoutingMode.TopP when routing.Select == SelectForm.PerToken || t == routing.SelectTokens:
                Posterior.Weights(Weights);
                if (routing.Select == SelectForm.Prompt) Array.Clear(Active); // the first choice has no set to cling to
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
