namespace Btx.Trainer.Phases;

/// <summary>Where a new expert starts (Branch-Train-Merge, section 3.2).</summary>
public enum BranchRule
{
    /// <summary>The average of the forest weighted by the domain posterior of the new domain's text.</summary>
    Posterior,

    /// <summary>The plain average of the forest.</summary>
    Uniform,

    /// <summary>The expert with the largest posterior.</summary>
    Argmax,

    /// <summary>The average of the k experts with the largest posteriors, renormalised.</summary>
    TopK,
}
