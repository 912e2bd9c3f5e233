using Btx.Model.Tokens;

namespace Btx.Exporter.Checking;

/// <summary>What served weights lose against the stored ones on a fixed passage of English.</summary>
/// <param name="Nats">Mean Kullback-Leibler divergence of the served next-token distribution from the stored weights' own.</param>
/// <param name="BitsPerByte">Bits per byte of the passage that the served weights need more.</param>
internal readonly record struct QualityLoss(double Nats, double BitsPerByte)
{
    /// <summary>Longest prefix of the passage in tokens.</summary>
    public const int MaxTokens = 64;

    // Jane Austen, Pride and Prejudice, chapter 1; in the public domain.
    private const string Passage =
        "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife. However "
        + "little known the feelings "
        + "or views of such a man may be on his first entering a neighbourhood, this truth is so well fixed in the minds of the "
            + "surrounding families, that he is "
        + "considered as the rightful property of some one or other of their daughters.";

    /// <summary>The passage's first tokens; at least two, unless the context has room for one only.</summary>
    public static int[] Tokens(TextTokenizer tokenizer, int context) => [.. tokenizer.Encode(Passage).Take(Math.Min(MaxTokens, context))];

    /// <param name="stored">Logits [V] after each token, from the stored weights.</param>
    /// <param name="served">The same from the graph.</param>
    public static QualityLoss Of(TextTokenizer tokenizer, int[] tokens, IReadOnlyList<float[]> stored, IReadOnlyList<float[]> served)
    {
        double nats = 0, more = 0;
        long bytes = 0;
        for (var t = 0; t < tokens.Length; t++)
        {
            var (p, q) = (LogProbabilities(stored[t]), LogProbabilities(served[t]));
            for (var v = 0; v < p.Length; v++) nats += Math.Exp(p[v]) * (p[v] - q[v]);
            if (t + 1 == tokens.Length) break;
            more += p[tokens[t + 1]] - q[tokens[t + 1]];
            bytes += tokenizer.TokenBytes(tokens[t + 1]).Length;
        }

        return new QualityLoss(nats / tokens.Length, more / Math.Log(2) / Math.Max(1, bytes));
    }

    private static double[] LogProbabilities(float[] logits)
    {
        double max = logits.Max(), sum = logits.Sum(l => Math.Exp(l - max));
        return Array.ConvertAll(logits, l => l - max - Math.Log(sum));
    }
}
