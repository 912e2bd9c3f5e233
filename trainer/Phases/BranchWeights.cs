using Btx.Model.Mixing;

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

/// <summary>Turns the domain posterior of new text under the forest into branch weights.</summary>
public static class BranchWeights
{
    /// <param name="posterior">Length E, not negative, sums to 1.</param>
    /// <param name="k">For <see cref="BranchRule.TopK"/>: 1..E.</param>
    /// <returns>Length E, sums to 1.</returns>
    /// <exception cref="BtxException">k is out of range.</exception>
    public static double[] Of(BranchRule rule, ReadOnlySpan<double> posterior, int k = 2)
    {
        var count = posterior.Length;
        if (rule == BranchRule.Uniform) return DomainPosterior.Uniform(count);
        var active = new bool[count];
        if (rule == BranchRule.Posterior) active.AsSpan().Fill(true);
        else if (rule == BranchRule.TopK && (k < 1 || k > count))
            throw new BtxException($"--k is {k}; the forest has {count} experts to branch from: expected 1 to {count}");
        else ActiveSet.TopK(posterior, rule == BranchRule.Argmax ? 1 : k, active);

        var weights = new double[count];
        for (var j = 0; j < count; j++) weights[j] = active[j] ? posterior[j] : 0;
        var sum = weights.Sum();
        for (var j = 0; j < count; j++) weights[j] = sum > 0 ? weights[j] / sum : active[j] ? 1.0 / active.Count(a => a) : 0;
        return weights;
    }
}
