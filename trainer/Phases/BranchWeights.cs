using Btx.Trainer.Evaluation;
using TorchSharp;

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

/// <summary>A model that a branch starts from: its name in the lineage, its share (those of a branch sum to 1), its absolute directory and
/// the hash of its weights when the branch was decided.</summary>
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

/// <summary>The cached prior of text sources under a set of models (DEMix, section 5): 100 held-out sequences each.</summary>
public static class DomainPriors
{
    /// <param name="sources">Held-out windows of each source.</param>
    /// <param name="scored">Called after each model with the number of models done.</param>
    /// <returns>[sources][models]; each row sums to 1.</returns>
    public static double[][] Estimate(IReadOnlyList<string> models, IReadOnlyList<ValidationWindows> sources, torch.Device device,
        int parallel, Action<int>? scored, CancellationToken cancellation)
    {
        var scores = new double[models.Count][][]; // [model][source][window]
        var done = 0;
        Parallel.For(0, models.Count, new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancellation }, j =>
        {
            using var model = LlamaCheckpoint.Load(models[j], device);
            scores[j] = [.. sources.Select(s => Score(model, s, cancellation))];
            scored?.Invoke(Interlocked.Increment(ref done));
        });
        return [.. sources.Select((_, s) => CachedPrior.Estimate([.. scores.Select(m => m[s])]))];
    }

    /// <summary>log p(x_1..x_T | x_0) in nats of each window.</summary>
    internal static double[] Score(LlamaModel model, ValidationWindows windows, CancellationToken cancellation = default) =>
        [.. TextScorer.LogProbs(model, windows.Tokens, null, cancellation).Select(tokens => tokens.Sum())];
}
