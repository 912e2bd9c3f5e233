using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Evaluation;

/// <summary>Log-probabilities that one model gives to token sequences. Batched, without gradients.</summary>
public static class TextScorer
{
    private const int BatchTokens = 2048;
    private const long BatchLogits = 1 << 23; // 32 MiB of fp32

    /// <summary>For each sequence of n tokens, n − 1 values in nats: entry i is log p(tokens[i+1] | tokens[0..i]). Sequences of like length
    /// share a batch; padding stands at the end, where causal attention does not see it.</summary>
    /// <param name="sequences">Each at least 2 tokens, at most max_position_embeddings + 1.</param>
    /// <exception cref="BtxException">A length or an id out of range, or the model gives a value that is no number.</exception>
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
            if (sequence.Length < 2) throw new BtxException($"a sequence has {sequence.Length} tokens; at least 2 are needed");
            if (sequence.FirstOrDefault(id => (uint)id >= (uint)model.Config.VocabSize) is not 0 and var outside)
                throw new BtxException($"token id {outside} is not in the model's vocabulary of {model.Config.VocabSize}; model and "
                    + "tokenizer do not belong together");
        }
    }
}

/// <summary>Cuts documents into sequences that a model scores: each begins with the tokenizer's BOS token (not predicted) and goes on with
/// the next tokens of one document, so that every token of the text is predicted exactly once and none of two documents stand in one
/// sequence.</summary>
public static class SequencePacker
{
    /// <param name="context">Largest sequence, BOS included; at least 2.</param>
    /// <param name="maxTokens">Predicted tokens to keep, at most but one sequence: sequences evenly spread over the text; 0: all.</param>
    public static List<int[]> Pack(IEnumerable<string> documents, TextTokenizer tokenizer, int context, long maxTokens = 0)
    {
        if (context < 2) throw new BtxException($"--context {context}: expected at least 2");
        var bos = tokenizer.BosId ?? tokenizer.EosId
            ?? throw new BtxException("the tokenizer has no token to begin a text with; name one bos_token in tokenizer_config.json");
        var sequences = new List<int[]>();
        foreach (var document in documents)
        {
            var ids = tokenizer.Encode(document);
            for (var at = 0; at < ids.Length; at += context - 1)
                sequences.Add([bos, .. ids.AsSpan(at, Math.Min(context - 1, ids.Length - at))]);
        }

        return maxTokens > 0 ? Spread(sequences, maxTokens) : sequences;
    }

    /// <summary>As many as <paramref name="count"/> sequences, evenly spread.</summary>
    public static List<int[]> Take(List<int[]> sequences, int count) =>
        sequences.Count <= count ? sequences
        : [.. Enumerable.Range(0, count).Select(i => sequences[(int)((long)i * sequences.Count / count)])];

    /// <summary>Bytes of text that the sequences predict: those of every token but the first.</summary>
    public static long Bytes(IEnumerable<int[]> sequences, TextTokenizer tokenizer) =>
        sequences.Sum(s => s.Skip(1).Sum(id => (long)tokenizer.TokenBytes(id).Length));

    /// <summary>Tokens that the sequences predict.</summary>
    public static long Predicted(IEnumerable<int[]> sequences) => sequences.Sum(s => (long)s.Length - 1);

    // Sequences differ in length, so a count chosen by the mean may exceed the limit a little: take fewer until it does not.
    private static List<int[]> Spread(List<int[]> sequences, long maxTokens)
    {
        var kept = sequences;
        for (var tokens = Predicted(kept); tokens > maxTokens && kept.Count > 1; tokens = Predicted(kept))
            kept = Take(sequences, (int)Math.Clamp(kept.Count * maxTokens / tokens, 1, kept.Count - 1));
        return kept;
    }
}
