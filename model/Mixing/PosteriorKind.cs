namespace Btx.Model.Mixing;

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
