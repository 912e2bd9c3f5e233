using Btx.Model;
using Btx.Model.Mixing;

namespace Btx.Trainer.Phases;

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
        switch (rule)
        {
            case BranchRule.Uniform:
                return DomainPosterior.Uniform(count);
            case BranchRule.Posterior:
                return Restrict(posterior, [.. Enumerable.Repeat(true, count)]);
            default:
                if (rule == BranchRule.TopK && (k < 1 || k > count))
                    throw new BtxException($"--k is {k}; the forest has {count} experts to branch from: expected 1 to {count}");
                var active = new bool[count];
                ActiveSet.TopK(posterior, rule == BranchRule.Argmax ? 1 : k, active);
                return Restrict(posterior, active);
        }
    }

    private static double[] Restrict(ReadOnlySpan<double> posterior, bool[] active)
    {
        var weights = posterior.ToArray();
        for (var j = 0; j < weights.Length; j++) weights[j] = active[j] ? weights[j] : 0;
        var sum = weights.Sum();
        for (var j = 0; j < weights.Length; j++) weights[j] = sum > 0 ? weights[j] / sum : active[j] ? 1.0 / active.Count(a => a) : 0;
        return weights;
    }
}
