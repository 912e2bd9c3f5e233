using Btx.Model.Configuration;

namespace Btx.Trainer.Tests.Networks;

/// <summary>Llama's and Mixtral's forward pass written out in double precision with plain loops, as modeling_llama.py
/// and modeling_mixtral.py define them.</summary>
internal sealed class LlamaReference(LlamaConfig c, IReadOnlyDictionary<string, float[]> weights)
{
    /// <summary>Logits [T][V] of one sequence.</summary>
    public double[][] Logits(long[] ids)
    {
        var embedding = weights["model.embed_tokens.weight"];
        var x = ids.Select(id => Row(embedding, (int)id, c.HiddenSize)).ToArray();
        for (var l = 0; l < c.NumHiddenLayers; l++)
        {
            var p = $"model.layers.{l}.";
            var h = x.Select(r => Norm(r, weights[p + "input_layernorm.weight"])).ToArray();
            x = Sum(x, Attention(h, p + "self_attn."));
            h = [.. x.Select(r => Norm(r, weights[p + "post_attention_layernorm.weight"]))];
            x = Sum(x, [.. h.Select(r => c.Moe is null
                ? FeedForward(r, p + "mlp.gate_proj.weight", p + "mlp.up_proj.weight", p + "mlp.down_proj.weight")
                : Moe(r, p + "block_sparse_moe.", c.Moe.ExpertsPerToken))]);
        }

        var output = c.TieWordEmbeddings ? embedding : weights["lm_head.weight"];
        return [.. x.Select(r => Times(output, Norm(r, weights["model.norm.weight"])))];
    }

    private double[] FeedForward(double[] x, string gateName, string upName, string downName)
    {
        double[] gate = Times(weights[gateName], x), up = Times(weights[upName], x);
        return Times(weights[downName], [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)]);
    }

    // Softmax over all experts, the k largest, renormalised.
    private double[] Moe(double[] x, string prefix, int k)
    {
        var logits = Times(weights[prefix + "gate.weight"], x);
        var total = logits.Sum(Math.Exp);
        var best = logits.Select((v, e) => (P: Math.Exp(v) / total, E: e)).OrderByDescending(g => g.P).Take(k).ToArray();
        var y = new double[x.Length];
        foreach (var (p, e) in best)
        {
            var expert = $"{prefix}experts.{e}.";
            var result = FeedForward(x, expert + "w1.weight", expert + "w3.weight", expert + "w2.weight");
            for (var i = 0; i < y.Length; i++) y[i] += p / best.Sum(g => g.P) * result[i];
        }

        return y;
    }

    private double[][] Attention(double[][] h, string prefix)
    {
        int size = c.HeadDim, share = c.NumAttentionHeads / c.NumKeyValueHeads;
        double[][] Project(string name) => [.. h.Select(r => Times(weights[prefix + name], r))];
        double[][] q = Project("q_proj.weight"), k = Project("k_proj.weight"), v = Project("v_proj.weight");
        for (var t = 0; t < h.Length; t++)
        {
            for (var head = 0; head < c.NumAttentionHeads; head++) Rotate(q[t].AsSpan(head * size, size), t);
            for (var head = 0; head < c.NumKeyValueHeads; head++) Rotate(k[t].AsSpan(head * size, size), t);
        }

        var mixed = new double[h.Length][];
        for (var t = 0; t < h.Length; t++)
        {
            mixed[t] = new double[c.NumAttentionHeads * size];
            for (var head = 0; head < c.NumAttentionHeads; head++)
            {
                int from = head * size, shared = head / share * size;
                var scores = new double[t + 1];
                for (var s = 0; s <= t; s++)
                {
                    for (var i = 0; i < size; i++) scores[s] += q[t][from + i] * k[s][shared + i] / Math.Sqrt(size);
                }

                var total = scores.Sum(Math.Exp);
                for (var s = 0; s <= t; s++)
                {
                    for (var i = 0; i < size; i++) mixed[t][from + i] += Math.Exp(scores[s]) / total * v[s][shared + i];
                }
            }
        }

        return [.. mixed.Select(r => Times(weights[prefix + "o_proj.weight"], r))];
    }

    private void Rotate(Span<double> x, int position)
    {
        var half = x.Length / 2;
        var frequencies = c.RotaryInverseFrequencies();
        for (var i = 0; i < half; i++)
        {
            double cos = Math.Cos(position * frequencies[i]), sin = Math.Sin(position * frequencies[i]), a = x[i], b = x[i + half];
            x[i] = (a * cos) - (b * sin);
            x[i + half] = (b * cos) + (a * sin);
        }
    }

    private double[] Norm(double[] x, float[] weight)
    {
        var scale = 1 / Math.Sqrt((x.Sum(v => v * v) / x.Length) + c.RmsNormEps);
        return [.. x.Select((v, i) => v * scale * weight[i])];
    }

    private static double[] Row(float[] matrix, int row, int width) => [.. matrix.Skip(row * width).Take(width).Select(v => (double)v)];

    private static double[][] Sum(double[][] a, double[][] b) => [.. a.Zip(b, (x, y) => x.Zip(y, (u, v) => u + v).ToArray())];

    private static double[] Times(float[] matrix, double[] x)
    {
        var y = new double[matrix.Length / x.Length];
        for (var o = 0; o < y.Length; o++)
        {
            for (var i = 0; i < x.Length; i++) y[o] += matrix[(o * x.Length) + i] * x[i];
        }

        return y;
    }
}
