using Btx.Model.Mixing;
using Btx.Trainer.Evaluation;
using Btx.Trainer.Networks;
using Btx.Trainer.Shards;
using TorchSharp;

namespace Btx.Trainer.Phases;

/// <summary>Log-likelihood of windows of text under one model.</summary>
public static class SequenceScorer
{
    /// <summary>log p(x_1..x_T | x_0) in nats of each window.</summary>
    public static double[] Score(LlamaModel model, ValidationWindows windows, CancellationToken cancellation = default) =>
        [.. TextScorer.LogProbs(model, Tokens(windows), null, cancellation).Select(tokens => tokens.Sum())];

    /// <summary>Bits per byte of the predicted tokens; special tokens count with no bytes.</summary>
    /// <param name="scored">Called after each pass through the network.</param>
    public static double BitsPerByte(LlamaModel model, ValidationWindows windows, int[] tokenBytes, Action? scored,
        CancellationToken cancellation)
    {
        var tokens = Tokens(windows);
        var logs = TextScorer.LogProbs(model, tokens, _ => scored?.Invoke(), cancellation).SelectMany(window => window);
        return -logs.Sum() / Math.Log(2) / Math.Max(1, tokens.Sum(w => w.Skip(1).Sum(id => (long)tokenBytes[id])));
    }

    private static int[][] Tokens(ValidationWindows windows)
    {
        var window = new long[windows.Context + 1];
        return [.. Enumerable.Range(0, windows.Count).Select(i =>
        {
            windows.CopyTo(i, window);
            return Array.ConvertAll(window, id => (int)id);
        })];
    }
}

/// <summary>The cached prior of text sources under a set of models (DEMix, section 5): 100 held-out sequences each.</summary>
public static class DomainPriors
{
    /// <param name="models">Model directories; each is loaded once.</param>
    /// <param name="sources">Held-out windows of each source.</param>
    /// <param name="parallel">Models scored at once.</param>
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
            scores[j] = [.. sources.Select(s => SequenceScorer.Score(model, s, cancellation))];
            scored?.Invoke(Interlocked.Increment(ref done));
        });
        return [.. sources.Select((_, s) => CachedPrior.Estimate([.. scores.Select(m => m[s])]))];
    }
}
