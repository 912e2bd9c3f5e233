using Btx.Trainer.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Evaluation;

/// <summary>Log-probabilities that one model gives to token sequences. Batched, without gradients.</summary>
public static class TextScorer
{
    private const int BatchTokens = 2048;
    private const long BatchLogits = 1 << 23; // 32 MiB of fp32

    /// <summary>
    /// For each sequence of n tokens, n − 1 values in nats: entry i is log p(tokens[i+1] | tokens[0..i]).
    /// Sequences of like length share a batch; padding stands at the end, where causal attention does not see it.
    /// </summary>
    /// <param name="model">Used by this call alone while it runs.</param>
    /// <param name="sequences">Each at least 2 tokens, at most max_position_embeddings + 1.</param>
    /// <param name="scored">Hears the number of tokens predicted by each batch.</param>
    /// <exception cref="BtxException">A sequence is too short or too long, an id is not in the vocabulary, or the model gives a value that
    /// is no number.</exception>
    public static double[][] LogProbs(LlamaModel model, IReadOnlyList<int[]> sequences, Action<long>? scored = null,
        CancellationToken cancellation = default)
    {
        Check(model, sequences);
        int[] order = [.. Enumerable.Range(0, sequences.Count).OrderByDescending(i => sequences[i].Length)];
        var result = new double[sequences.Count][];
        using var mode = no_grad();
        for (var first = 0; first < order.Length;)
        {
            cancellation.ThrowIfCancellationRequested();
            var length = sequences[order[first]].Length - 1;
            var rows = (int)Math.Clamp(Math.Min(BatchTokens, BatchLogits / model.Config.VocabSize) / length, 1, order.Length - first);
            Batch(model, sequences, order.AsSpan(first, rows), length, result);
            scored?.Invoke(order.Skip(first).Take(rows).Sum(i => (long)sequences[i].Length - 1));
            first += rows;
        }

        return result;
    }

    private static void Batch(LlamaModel model, IReadOnlyList<int[]> sequences, ReadOnlySpan<int> members, int length, double[][] result)
    {
        using var scope = NewDisposeScope();
        var ids = new long[members.Length * length];
        var targets = new long[ids.Length];
        Array.Fill(targets, LlamaModel.IgnoredTarget);
        for (var r = 0; r < members.Length; r++)
        {
            var sequence = sequences[members[r]];
            for (var t = 0; t < sequence.Length - 1; t++)
            {
                ids[(r * length) + t] = sequence[t];
                targets[(r * length) + t] = sequence[t + 1];
            }
        }

        var losses = model.TokenLosses(tensor(ids, [members.Length, length], int64, model.Device),
            tensor(targets, [members.Length, length], int64, model.Device))
            .cpu().data<float>().ToArray();                                                      // [B, T], nats
        for (var r = 0; r < members.Length; r++)
        {
            var logProbs = new double[sequences[members[r]].Length - 1];
            for (var t = 0; t < logProbs.Length; t++)
            {
                var loss = losses[(r * length) + t];
                if (!float.IsFinite(loss))
                    throw new BtxException($"{model.Source}: its loss at a token is {loss}; its weights are broken or its training "
                        + "diverged: train it again at a lower rate, restore its files, or leave it out");
                logProbs[t] = -(double)loss;
            }

            result[members[r]] = logProbs;
        }
    }

    // libtorch ends the process on an index out of range, so ids are checked before it sees them.
    private static void Check(LlamaModel model, IReadOnlyList<int[]> sequences)
    {
        foreach (var sequence in sequences)
        {
            if (sequence.Length < 2) throw new BtxException($"a sequence has {sequence.Length} tokens; at least 2 are needed to predict one");
            if (sequence.Length - 1 > model.Config.MaxPositionEmbeddings)
                throw new BtxException($"a sequence has {sequence.Length} tokens; the model's max_position_embeddings is "
                    + $"{model.Config.MaxPositionEmbeddings}");
            if (sequence.FirstOrDefault(id => (uint)id >= (uint)model.Config.VocabSize) is not 0 and var outside)
                throw new BtxException($"token id {outside} is not in the model's vocabulary of {model.Config.VocabSize}; model and "
                    + "tokenizer do not belong together");
        }
    }
}
