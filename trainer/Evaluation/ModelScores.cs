using System.Collections.Concurrent;
using Btx.Trainer.Networks;

namespace Btx.Trainer.Evaluation;

/// <summary>Log-probabilities of texts under models, each model loaded once, scored and freed; several models at a time.</summary>
internal sealed class ModelScores(int parallel, Action<long> scored, CancellationToken cancellation)
{
    private readonly ConcurrentDictionary<string, double[][]> scores = new();

    /// <summary>[sequence][token] of a model on a text, both by key.</summary>
    public double[][] this[string model, string text] => scores[Key(model, text)];

    /// <summary>Runs every model on its texts.</summary>
    /// <param name="runs">Key of the model, how to load it, and its texts by key.</param>
    public void Run(
        IReadOnlyList<(string Model, Func<LlamaModel> Load, IReadOnlyList<(string Text, IReadOnlyList<int[]> Sequences)> Texts)> runs)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, parallel), CancellationToken = cancellation };
        try
        {
            Parallel.ForEach(Partitioner.Create(runs, EnumerablePartitionerOptions.NoBuffering), options, run =>
            {
                using var model = run.Load();
                foreach (var (text, sequences) in run.Texts)
                {
                    if (sequences.Count > 0) scores[Key(run.Model, text)] = TextScorer.LogProbs(model, sequences, scored, cancellation);
                }
            });
        }
        catch (AggregateException e)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.Flatten().InnerExceptions[0]);
        }
    }

    private static string Key(string model, string text) => $"{model}\n{text}";
}
