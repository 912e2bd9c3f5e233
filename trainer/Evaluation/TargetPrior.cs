using Btx.Model.Forests;
using Btx.Model.Mixing;

namespace Btx.Trainer.Evaluation;

/// <summary>The cached prior π of one target domain (DEMix, arXiv 2108.05036, section 5).</summary>
/// <param name="Weights">One for each expert, summing to 1.</param>
/// <param name="Recorded">Taken from <c>forest.json</c>, where it was frozen; otherwise estimated here.</param>
public sealed record TargetPrior(double[] Weights, bool Recorded)
{
    /// <summary>The prior that the manifest records for the domain, if it weighs exactly these experts; null otherwise.</summary>
    public static TargetPrior? Find(string domain, IReadOnlyList<ExpertEntry> experts)
    {
        var prior = experts.FirstOrDefault(e => e.Domain == domain && e.Prior is not null)?.Prior;
        return prior is not null && prior.Count == experts.Count && experts.All(e => prior.ContainsKey(e.Name))
            ? new([.. experts.Select(e => prior[e.Name])], Recorded: true)
            : null;
    }

    /// <summary>The moving average of the sequence-end posterior over held-out sequences, from uniform.</summary>
    /// <param name="logProbs">[expert][sequence][token]: nats.</param>
    public static TargetPrior Estimate(IReadOnlyList<double[][]> logProbs) =>
        new(CachedPrior.Estimate([.. logProbs.Select(expert => expert.Select(sequence => sequence.Sum()).ToArray())]), Recorded: false);
}
