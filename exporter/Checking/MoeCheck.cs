using Btx.Model.Tokens;
using Microsoft.ML.OnnxRuntime;

namespace Btx.Exporter;

/// <summary>Compares the graphs of a served BTX model with <see cref="PlainMixtral"/>, and measures what its precision costs.</summary>
/// <param name="files">The weights as they will be served.</param>
/// <param name="graphs">Directory of the graphs.</param>
/// <param name="graph">Builds the graphs of a k; null where it is an input.</param>
internal sealed class MoeCheck(SourceMoe source, IReadOnlyList<SafetensorsFile> files, string graphs, MoeExportOptions options,
    Func<int?, GraphSource> graph)
{
    /// <summary>Where k is an input, the tokens take every k in turn.</summary>
    /// <returns>See <see cref="GraphCheck.LargestDifference"/>; the reference reads the checkpoint, but for blocks, which it
    /// dequantises.</returns>
    public double LargestDifference(int? k, CancellationToken cancellation)
    {
        var (c, n) = (source.Config, source.Moe.Experts);
        var reference = new PlainMixtral(c, Served, source.Manifest.Router.SoftLayers);
        var run = CheckPlan.Run(reference, c.VocabSize, c.MaxPositionEmbeddings, t => k ?? 1 + (t % n), options.Precision.Tolerance(),
            cancellation);
        using var weights = Weights(k);
        return new GraphCheck(c, options.Precision, form => weights.Open(graphs, form, options.Threads, k)).LargestDifference(run,
            cancellation);
    }

    /// <summary>What the served weights lose against the stored ones at the router's own k.</summary>
    public QualityLoss Loss(int? k, CancellationToken cancellation)
    {
        var taken = k ?? source.Manifest.Router.ExpertsPerToken;
        var reference = new PlainMixtral(source.Config, PlainLlama.Reader(source.Checkpoint), source.Manifest.Router.SoftLayers);
        using var weights = Weights(k);
        using var session = weights.Open(graphs, GraphForm.Ragged(1), options.Threads, k);
        return QualityLoss.Of(source.Checkpoint, options.Precision, session,
            tokens => reference.Run(tokens, [.. tokens.Select(_ => taken)], cancellation).Logits, taken);
    }

    private CheckedWeights Weights(int? k) => new(source.Config, files, null, graph(k), options.Precision, options.Device);

    /// <summary>A weight of the checkpoint; one that is served in blocks as these say.</summary>
    private float[] Served(string name) => StoredTensor.FromBlocks(files, name, () =>
    {
        var shape = source.Config.TensorShapes().First(t => t.Name == name).Shape;
        return new(shape[0], shape[1], options.Precision.BlockBits()!.Value);
    }) ?? PlainLlama.Reader(source.Checkpoint)(name);
}

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

    /// <param name="session">The ragged graph of one row, on the served weights.</param>
    /// <param name="reference">Logits after each token, from the stored weights.</param>
    /// <param name="expertsPerToken">Of a BTX model.</param>
    public static QualityLoss Of(Checkpoint stored, GraphPrecision precision, InferenceSession session, Func<int[], float[][]> reference,
        int expertsPerToken = 0)
    {
        var (c, tokenizer) = (stored.Config, TextTokenizer.Load(stored.DirectoryPath));
        var tokens = Tokens(tokenizer, c.MaxPositionEmbeddings);
        using var slots = new KvSlots(c, 1, tokens.Length, precision);
        var runner = new GraphRunner(session, c, slots) { ExpertsPerToken = _ => expertsPerToken };
        var logits = runner.Ragged([new RaggedRow(0, 0, tokens)], [.. Enumerable.Range(0, tokens.Length).Select(i => (long)i)]);
        return Of(tokenizer, tokens, reference(tokens), [.. logits.Chunk(c.VocabSize)]);
    }

    private static double[] LogProbabilities(float[] logits)
    {
        double max = logits.Max(), sum = logits.Sum(l => Math.Exp(l - max));
        return Array.ConvertAll(logits, l => l - max - Math.Log(sum));
    }
}
