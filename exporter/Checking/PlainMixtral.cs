using Btx.Model.Configuration;

namespace Btx.Exporter.Checking;

/// <summary>
/// Mixtral's forward pass written plainly (arXiv 2401.04088, section 2.1): <see cref="PlainLlama"/> with a mixture of experts for its
/// feed-forward, sums in double precision, k of a token's own.
/// </summary>
/// <param name="read">A weight by its name, as fp32.</param>
/// <param name="softLayers">Layers in which every expert runs, whatever k is.</param>
internal sealed class PlainMixtral(LlamaConfig config, Func<string, float[]> read, IReadOnlyList<int> softLayers)
{
    private readonly int experts = config.Moe!.Experts;

    /// <param name="k">Experts of each token, 1..N.</param>
    public PlainRun Run(IReadOnlyList<int> tokens, IReadOnlyList<int> k, CancellationToken cancellation = default)
    {
        var gates = tokens.Select(_ => new double[config.NumHiddenLayers * experts]).ToArray();
        var margins = tokens.Select(_ => double.PositiveInfinity).ToArray();
        var logits = PlainLlama.Logits(config, read, tokens, (layer, x) => FeedForward(layer, x, k, gates, margins), cancellation);
        return new PlainRun([.. tokens], [.. k], logits, gates, margins);
    }

    private double[][] FeedForward(int layer, double[][] x, IReadOnlyList<int> k, double[][] gates, double[] margins)
    {
        var prefix = $"model.layers.{layer}.";
        var logits = PlainLlama.Linear(read(prefix + MoeConfig.RouterTensor), x);
        for (var t = 0; t < x.Length; t++)
        {
            var taken = softLayers.Contains(layer) ? experts : k[t];
            // A stable sort: of equal logits the lower index comes first.
            int[] order = [.. Enumerable.Range(0, experts).OrderByDescending(e => logits[t][e])];
            var sum = order.Take(taken).Sum(e => Math.Exp(logits[t][e] - logits[t][order[0]]));
            foreach (var e in order.Take(taken)) gates[t][(layer * experts) + e] = Math.Exp(logits[t][e] - logits[t][order[0]]) / sum;
            if (taken == experts) continue;
            var gap = logits[t][order[taken - 1]] - logits[t][order[taken]];
            if (gap > 0) margins[t] = Math.Min(margins[t], gap / logits[t].Max(Math.Abs));
        }

        var result = x.Select(row => new double[row.Length]).ToArray();
        for (var e = 0; e < experts; e++)
        {
            int[] mine = [.. Enumerable.Range(0, x.Length).Where(t => gates[t][(layer * experts) + e] > 0)];
            if (mine.Length == 0) continue;
            var y = PlainLlama.SwiGlu(read, $"{prefix}block_sparse_moe.experts.{e}.", ("w1", "w3", "w2"), [.. mine.Select(t => x[t])]);
            for (var i = 0; i < mine.Length; i++)
                for (var j = 0; j < y[i].Length; j++) result[mine[i]][j] += gates[mine[i]][(layer * experts) + e] * y[i][j];
        }

        return result;
    }
}
