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

/// <summary>A model that a branch starts from.</summary>
/// <param name="Name">Name in the lineage.</param>
/// <param name="Weight">Its share; the shares of a branch sum to 1.</param>
/// <param name="Model">Absolute path of its Hugging Face directory.</param>
/// <param name="Sha256">Hash of its weights when the branch was decided.</param>
public sealed record BranchParent(string Name, double Weight, string Model, string Sha256);
