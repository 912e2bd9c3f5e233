using Btx.Engine;
using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Sessions;
using Btx.Model;
using Btx.Model.Mixing;

namespace Btx.Forest;

/// <summary>The cached prior of sample text over the served experts and one that is being added: DEMix's moving average of the sequence-end
/// posterior.</summary>
internal sealed class PriorEstimate(ForestEngine engine, EngineOptions options)
{
    /// <summary>Tokens that scoring adds to a step while requests run.</summary>
    public const int Chunk = 16;

    private static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(20);

    /// <param name="what">Named in errors.</param>
    /// <param name="added">Not in the loop; null: the served experts alone.</param>
    /// <param name="done">Receives the fraction.</param>
    /// <returns>π by expert, and how many sequences of how many tokens there were.</returns>
    /// <exception cref="BtxException">The text is too short.</exception>
    public async Task<(IReadOnlyDictionary<string, double> Prior, int Sequences, int Tokens)> OverAsync(string text, string what,
        ServedModel? added, Action<double>? done, CancellationToken cancellation)
    {
        var forest = engine.Describe();
        var sequences = SampleText.Sequences(text, what, engine.Tokenizer, forest.ContextLength);
        var scores = new List<double[]>();
        foreach (var name in forest.Experts)
        {
            var totals = new double[sequences.Count];
            for (var i = 0; i < totals.Length; i++)
            {
                var score = await ScoreAsync(engine, new ScoreRequest(sequences[i],
                    new Routing { Mode = RoutingMode.Expert, Expert = name }), cancellation).ConfigureAwait(false);
                totals[i] = score.LogProbs.Sum();
                done?.Invoke((scores.Count + ((i + 1.0) / totals.Length)) / (forest.Experts.Count + 1));
            }

            scores.Add(totals);
        }

        if (added is not null)
            scores.Add(await BuildThread.RunAsync(() => Score(added.Runner, sequences, cancellation)).ConfigureAwait(false));
        var prior = CachedPrior.Estimate(scores);
        string[] names = added is null ? [.. forest.Experts] : [.. forest.Experts, added.Name];
        return (Enumerable.Range(0, names.Length).ToDictionary(j => names[j], j => prior[j], StringComparer.Ordinal), sequences.Count,
            sequences[0].Length - 1);
    }

    /// <summary>Scores on the running forest a little at a time; waits while its queue is full.</summary>
    public static async Task<ScoreResult> ScoreAsync(ForestEngine engine, ScoreRequest request, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await engine.ScoreAsync(request with { Chunk = Chunk }, cancellation).ConfigureAwait(false);
            }
            catch (RequestRejectedException e) when (e.Reason == RejectionReason.Busy)
            {
                await Task.Delay(Wait, cancellation).ConfigureAwait(false);
            }
        }
    }

    private double[] Score(IModelRunner runner, IReadOnlyList<int[]> sequences, CancellationToken cancellation)
    {
        var most = Math.Min(options.PrefillChunk, options.MaxBatchTokens);
        var tokens = new long[most];
        var totals = new double[sequences.Count];
        for (var i = 0; i < totals.Length; i++)
        {
            var sequence = sequences[i];
            for (var past = 0; past < sequence.Length - 1;)
            {
                cancellation.ThrowIfCancellationRequested();
                var count = Math.Min(most, sequence.Length - 1 - past);
                for (var t = 0; t < count; t++) tokens[t] = sequence[past + t];
                runner.Run([new RunRow(0, past, count, count)], tokens.AsSpan(0, count));
                for (var t = 0; t < count; t++) totals[i] += LogitRow.LogProbability(runner.Logits(0, t), sequence[past + t + 1]);
                past += count;
            }
        }

        return totals;
    }
}
