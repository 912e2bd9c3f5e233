using System.Runtime.InteropServices;
using Btx.Model.Mixing;
using Btx.Trainer.Networks;
using Btx.Trainer.Shards;
using TorchSharp;

namespace Btx.Trainer.Phases;

/// <summary>Log-likelihood of windows of text under one model.</summary>
public static class SequenceScorer
{
    private const long BatchTokens = 2048;

    /// <summary>log p(x_1..x_T | x_0) in nats of each window.</summary>
    public static double[] Score(LlamaModel model, ValidationWindows windows, CancellationToken cancellation = default)
    {
        var totals = new double[windows.Count];
        ForEachToken(model, windows, (window, _, loss) => totals[window] -= loss, cancellation);
        return totals;
    }

    /// <summary>Bits per byte of the predicted tokens; special tokens count with no bytes.</summary>
    /// <param name="tokenBytes">Bytes of each token id.</param>
    /// <param name="scored">Called after each pass through the network.</param>
    public static double BitsPerByte(LlamaModel model, ValidationWindows windows, int[] tokenBytes, Action? scored,
        CancellationToken cancellation)
    {
        var (nats, bytes) = (0.0, 0L);
        ForEachToken(model, windows, (_, token, loss) => (nats, bytes) = (nats + loss, bytes + tokenBytes[token]), cancellation, scored);
        return nats / Math.Log(2) / Math.Max(1, bytes);
    }

    private static void ForEachToken(LlamaModel model, ValidationWindows windows, Action<int, int, float> take,
        CancellationToken cancellation, Action? scored = null)
    {
        int context = windows.Context, rows = (int)Math.Max(1, BatchTokens / context);
        var window = new long[context + 1];
        using var mode = torch.no_grad();
        for (var first = 0; first < windows.Count; first += rows)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            var count = Math.Min(rows, windows.Count - first);
            long[] inputs = new long[count * context], targets = new long[count * context];
            for (var r = 0; r < count; r++)
            {
                windows.CopyTo(first + r, window);
                window.AsSpan(0, context).CopyTo(inputs.AsSpan(r * context));
                window.AsSpan(1, context).CopyTo(targets.AsSpan(r * context));
            }

            var losses = MemoryMarshal.Cast<byte, float>(model.TokenLosses(
                torch.tensor(inputs, [count, context], torch.int64, model.Device),
                torch.tensor(targets, [count, context], torch.int64, model.Device)).cpu().bytes);
            scored?.Invoke();
            for (var i = 0; i < inputs.Length; i++) take(first + (i / context), (int)targets[i], losses[i]);
        }
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
