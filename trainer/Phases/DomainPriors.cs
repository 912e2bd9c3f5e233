using Btx.Model.Mixing;
using Btx.Trainer.Networks;
using Btx.Trainer.Shards;
using TorchSharp;

namespace Btx.Trainer.Phases;

/// <summary>The cached prior of text sources under a set of models (DEMix, section 5): 100 held-out sequences each.</summary>
public static class DomainPriors
{
    /// <param name="models">Model directories; each is loaded once.</param>
    /// <param name="sources">Held-out windows of each source.</param>
    /// <param name="parallel">Models scored at once.</param>
    /// <param name="scored">Called after each model with the number of models done.</param>
    /// <returns>[sources][models]; each row sums to 1.</returns>
    public static double[][] Estimate(
        IReadOnlyList<string> models, IReadOnlyList<ValidationWindows> sources, torch.Device device, int parallel = 1,
        Action<int>? scored = null, CancellationToken cancellation = default)
    {
        var scores = new double[models.Count][][]; // [model][source][window]
        var done = 0;
        Parallel.For(0, models.Count,
            new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, parallel), CancellationToken = cancellation }, j =>
        {
            using var model = LlamaCheckpoint.Load(models[j], device);
            scores[j] = [.. sources.Select(s => SequenceScorer.Score(model, s, cancellation))];
            scored?.Invoke(Interlocked.Increment(ref done));
        });
        return [.. sources.Select((_, s) => CachedPrior.Estimate([.. scores.Select(m => m[s])]))];
    }
}
