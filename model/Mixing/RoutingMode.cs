namespace Btx.Model.Mixing;

/// <summary>How a forest answers.</summary>
public enum RoutingMode
{
    /// <summary>All experts, mixed by the posterior.</summary>
    Ensemble,

    /// <summary>The k experts with the largest posterior, renormalised.</summary>
    TopK,

    /// <summary>The smallest set of experts whose posterior mass reaches p, renormalised.</summary>
    TopP,

    /// <summary>One model made by averaging parameters.</summary>
    Average,

    /// <summary>One expert by name.</summary>
    Expert,

    /// <summary>The token-routed mixture (BTX).</summary>
    Moe,
}

/// <summary>When the active set of <c>top_k</c> and <c>top_p</c> is chosen.</summary>
public enum SelectForm
{
    /// <summary>Once, from the posterior after the prompt (generation's form).</summary>
    Prompt,

    /// <summary>Anew for each token from the posterior so far (the papers' form, scoring only: every expert scores the text).</summary>
    PerToken,
}

/// <summary>How the weights of the mixture follow from what the experts said of the text so far.</summary>
public enum PosteriorKind
{
    /// <summary>w_j ∝ π_j · Π_{s&lt;t} p_j(x_s | x_&lt;s): the papers' formula (DEMix section 5, c-BTM), the default.</summary>
    FullPrefix,

    /// <summary>w_j ∝ π_j · p_j(x_{t-1} | x_&lt;t-1): what DEMix's code does.</summary>
    LastToken,

    /// <summary>w_j = π_j.</summary>
    Fixed,

    /// <summary>Fixed share: w ← (1-α)·bayes(w) + α·π; the domain may change inside a sequence.</summary>
    Switching,
}

/// <summary>Weights of a parameter average.</summary>
public enum AverageWeights
{
    Uniform,

    /// <summary>The expert with the largest cached prior for the target domain, alone.</summary>
    Argmax,

    /// <summary>The cached prior of the target domain.</summary>
    Posterior,
}
