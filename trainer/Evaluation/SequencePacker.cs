using Btx.Model.Tokens;

namespace Btx.Trainer.Evaluation;

/// <summary>
/// Cuts documents into sequences that a model scores: each begins with the tokenizer's BOS token (not predicted) and goes on with the next
/// tokens of one document, so that every token of the text is predicted exactly once and none of two documents stand in one sequence.
/// </summary>
public static class SequencePacker
{
    /// <param name="context">Largest sequence, BOS included; at least 2.</param>
    /// <param name="maxTokens">Predicted tokens to keep, at most, but at least one sequence: whole sequences evenly spread over the text;
    /// 0: all.</param>
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
