using System.Numerics;

namespace Btx.Exporter;

/// <summary>The Llama forward pass written plainly, from the checkpoint alone, with sums in double precision: the reference that a graph's
/// logits are compared with. It shares no code with the graph, has no cache, and takes one weight into memory at a time.</summary>
internal static class PlainLlama
{
    /// <returns>Logits [tokens.Length][V] after each prefix.</returns>
    public static float[][] Logits(Checkpoint checkpoint, IReadOnlyList<int> tokens, CancellationToken cancellation = default)
    {
        return Dense(checkpoint.Config, Reader(checkpoint), tokens, cancellation);
    }

    /// <summary>Of a dense model.</summary>
    /// <param name="read">A weight by its name, as fp32; a tied output layer is lm_head.weight, too.</param>
    public static float[][] Dense(LlamaConfig c, Func<string, float[]> read, IReadOnlyList<int> tokens, CancellationToken cancellation) =>
        Logits(c, read, tokens, (layer, x) => SwiGlu(read, $"model.layers.{layer}.mlp.", ("gate_proj", "up_proj", "down_proj"), x),
            cancellation);

    /// <param name="read">A weight by its name, as fp32; a tied output layer is lm_head.weight, too.</param>
    /// <param name="feedForward">The block after attention: layer and its normalised input [T][d].</param>
    public static float[][] Logits(
        LlamaConfig c, Func<string, float[]> read, IReadOnlyList<int> tokens, Func<int, double[][], double[][]> feedForward,
        CancellationToken cancellation = default)
    {
        var hidden = Embed(c, read, tokens);
        for (var l = 0; l < c.NumHiddenLayers; l++)
        {
            var p = $"model.layers.{l}.";
            cancellation.ThrowIfCancellationRequested();
            var x = RmsNorm(c, read(p + "input_layernorm.weight"), hidden);
            var q = Linear(read(p + "self_attn.q_proj.weight"), x);
            var k = Linear(read(p + "self_attn.k_proj.weight"), x);
            var v = Linear(read(p + "self_attn.v_proj.weight"), x);
            Rotate(c, q);
            Rotate(c, k);
            AddTo(hidden, Linear(read(p + "self_attn.o_proj.weight"), Attend(c, q, k, v)));
            AddTo(hidden, feedForward(l, RmsNorm(c, read(p + "post_attention_layernorm.weight"), hidden)));
        }

        var normed = RmsNorm(c, read("model.norm.weight"), hidden);
        return [.. Linear(read("lm_head.weight"), normed).Select(row => Array.ConvertAll(row, v => (float)v))];
    }

    /// <summary>down(silu(gate x) * up x).</summary>
    /// <param name="names">Of gate, up and down, without <c>.weight</c>.</param>
    public static double[][] SwiGlu(Func<string, float[]> read, string prefix, (string Gate, string Up, string Down) names, double[][] x)
    {
        var gate = Linear(read($"{prefix}{names.Gate}.weight"), x);
        var up = Linear(read($"{prefix}{names.Up}.weight"), x);
        for (var t = 0; t < gate.Length; t++)
            for (var i = 0; i < gate[t].Length; i++) gate[t][i] = gate[t][i] / (1 + Math.Exp(-gate[t][i])) * up[t][i];

        return Linear(read($"{prefix}{names.Down}.weight"), gate);
    }

    /// <summary>A checkpoint's weights, widened.</summary>
    public static Func<string, float[]> Reader(Checkpoint checkpoint) => name =>
    {
        if (name == "lm_head.weight" && checkpoint.Config.TieWordEmbeddings) name = "model.embed_tokens.weight";
        var count = checkpoint.Info(name).ElementCount;
        if (count > Array.MaxLength)
            throw new BtxException($"{checkpoint.DirectoryPath}: tensor \"{name}\" has {count} elements; at "
                + $"most {Array.MaxLength} can be checked");
        var values = new float[count];
        checkpoint.CopyTo(name, values);
        return values;
    };

    private static double[][] Embed(LlamaConfig c, Func<string, float[]> read, IReadOnlyList<int> tokens)
    {
        var d = c.HiddenSize;
        var table = read("model.embed_tokens.weight");
        return [.. tokens.Select(t => Array.ConvertAll(table[(t * d)..((t + 1) * d)], v => (double)v))];
    }

    private static double[][] RmsNorm(LlamaConfig c, float[] weight, double[][] rows)
    {
        var epsilon = c.RmsNormEps;
        return [.. rows.Select(row =>
        {
            var scale = 1 / Math.Sqrt((row.Sum(v => v * v) / row.Length) + epsilon);
            return row.Select((v, i) => v * scale * weight[i]).ToArray();
        })];
    }

    /// <summary>Rows [T][inputs] times the transpose of a stored [outputs, inputs].</summary>
    public static double[][] Linear(float[] weight, double[][] rows)
    {
        int inputs = rows[0].Length, outputs = weight.Length / inputs;
        var result = rows.Select(_ => new double[outputs]).ToArray();
        Parallel.For(0, outputs, o =>
        {
            for (var t = 0; t < rows.Length; t++) result[t][o] = Dot(weight.AsSpan(o * inputs, inputs), rows[t]);
        });
        return result;
    }

    private static double Dot(ReadOnlySpan<float> weight, ReadOnlySpan<double> x)
    {
        var sum = Vector<double>.Zero;
        int half = Vector<double>.Count, i = 0;
        for (; i + (2 * half) <= weight.Length; i += 2 * half)
        {
            Vector.Widen(new Vector<float>(weight[i..]), out var low, out var high);
            sum += (low * new Vector<double>(x[i..])) + (high * new Vector<double>(x[(i + half)..]));
        }

        var total = Vector.Sum(sum);
        for (; i < weight.Length; i++) total += weight[i] * x[i];
        return total;
    }

    /// <summary>Rotates the pairs (i, i + head_dim/2) of every head by position × frequency, Hugging Face's layout.</summary>
    private static void Rotate(LlamaConfig c, double[][] rows)
    {
        var frequencies = c.RotaryInverseFrequencies();
        for (var t = 0; t < rows.Length; t++)
        {
            for (var head = 0; head < rows[t].Length; head += c.HeadDim)
            {
                for (var i = 0; i < frequencies.Length; i++)
                {
                    var (sin, cos) = Math.SinCos(t * frequencies[i]);
                    double a = rows[t][head + i], b = rows[t][head + i + frequencies.Length];
                    rows[t][head + i] = (a * cos) - (b * sin);
                    rows[t][head + i + frequencies.Length] = (b * cos) + (a * sin);
                }
            }
        }
    }

    /// <summary>Causal softmax attention; query head h reads key/value head h / (heads / kv_heads).</summary>
    private static double[][] Attend(LlamaConfig c, double[][] q, double[][] k, double[][] v)
    {
        int d = c.HeadDim, group = c.NumAttentionHeads / c.NumKeyValueHeads;
        var result = q.Select(row => new double[row.Length]).ToArray();
        for (var t = 0; t < q.Length; t++)
        {
            for (var h = 0; h < c.NumAttentionHeads; h++)
            {
                int at = h * d, from = h / group * d;
                var scores = new double[t + 1];
                for (var s = 0; s <= t; s++)
                {
                    for (var i = 0; i < d; i++) scores[s] += q[t][at + i] * k[s][from + i];
                    scores[s] /= Math.Sqrt(d);
                }

                var max = scores.Max();
                var sum = scores.Sum(s => Math.Exp(s - max));
                for (var s = 0; s <= t; s++)
                {
                    var weight = Math.Exp(scores[s] - max) / sum;
                    for (var i = 0; i < d; i++) result[t][at + i] += weight * v[s][from + i];
                }
            }
        }

        return result;
    }

    private static void AddTo(double[][] rows, double[][] other)
    {
        for (var t = 0; t < rows.Length; t++)
            for (var i = 0; i < rows[t].Length; i++) rows[t][i] += other[t][i];
    }
}

/// <summary>What a plain reference computed for a text, one entry a token.</summary>
/// <param name="ExpertsPerToken">k of each token; empty for a dense model.</param>
/// <param name="Logits">[V] each.</param>
/// <param name="Gates">[L·N] each; empty for a dense model.</param>
/// <param name="Margins">
/// How narrowly the last expert was taken rather than the next: the smallest difference of the two router logits over the layers, as a
/// share of the largest. Infinite where nothing was left out or the two are equal, which has its rule.
/// </param>
internal sealed record PlainRun(int[] Tokens, int[] ExpertsPerToken, float[][] Logits, double[][] Gates, double[] Margins);

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
