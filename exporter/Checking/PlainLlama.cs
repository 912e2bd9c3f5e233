using System.Numerics;
using Btx.Model.Configuration;
using Btx.Model.Tensors;

namespace Btx.Exporter.Checking;

/// <summary>
/// The Llama forward pass written plainly, from the checkpoint alone, with sums in double precision: the reference that a graph's
/// logits are compared with. It shares no code with the graph, has no cache, and takes one weight into memory at a time.
/// </summary>
internal static class PlainLlama
{
    /// <returns>Logits [tokens.Length][V] after each prefix.</returns>
    public static float[][] Logits(Checkpoint checkpoint, IReadOnlyList<int> tokens, CancellationToken cancellation = default)
    {
        var c = checkpoint.Config;
        var hidden = Embed(checkpoint, tokens);
        for (var l = 0; l < c.NumHiddenLayers; l++)
        {
            var p = $"model.layers.{l}.";
            cancellation.ThrowIfCancellationRequested();
            var x = RmsNorm(checkpoint, p + "input_layernorm.weight", hidden);
            var q = Linear(checkpoint, p + "self_attn.q_proj.weight", x);
            var k = Linear(checkpoint, p + "self_attn.k_proj.weight", x);
            var v = Linear(checkpoint, p + "self_attn.v_proj.weight", x);
            Rotate(c, q);
            Rotate(c, k);
            AddTo(hidden, Linear(checkpoint, p + "self_attn.o_proj.weight", Attend(c, q, k, v)));
            x = RmsNorm(checkpoint, p + "post_attention_layernorm.weight", hidden);
            var gate = Linear(checkpoint, p + "mlp.gate_proj.weight", x);
            var up = Linear(checkpoint, p + "mlp.up_proj.weight", x);
            for (var t = 0; t < gate.Length; t++)
            {
                for (var i = 0; i < gate[t].Length; i++) gate[t][i] = gate[t][i] / (1 + Math.Exp(-gate[t][i])) * up[t][i];
            }

            AddTo(hidden, Linear(checkpoint, p + "mlp.down_proj.weight", gate));
        }

        var normed = RmsNorm(checkpoint, "model.norm.weight", hidden);
        var head = c.TieWordEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight";
        return [.. Linear(checkpoint, head, normed).Select(row => Array.ConvertAll(row, v => (float)v))];
    }

    private static double[][] Embed(Checkpoint checkpoint, IReadOnlyList<int> tokens)
    {
        var d = checkpoint.Config.HiddenSize;
        var table = Read(checkpoint, "model.embed_tokens.weight");
        return [.. tokens.Select(t => Array.ConvertAll(table[(t * d)..((t + 1) * d)], v => (double)v))];
    }

    private static double[][] RmsNorm(Checkpoint checkpoint, string name, double[][] rows)
    {
        var weight = Read(checkpoint, name);
        var epsilon = checkpoint.Config.RmsNormEps;
        return [.. rows.Select(row =>
        {
            var scale = 1 / Math.Sqrt((row.Sum(v => v * v) / row.Length) + epsilon);
            return row.Select((v, i) => v * scale * weight[i]).ToArray();
        })];
    }

    /// <summary>Rows [T][inputs] times the transpose of a stored [outputs, inputs].</summary>
    private static double[][] Linear(Checkpoint checkpoint, string name, double[][] rows)
    {
        var weight = Read(checkpoint, name);
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
        {
            for (var i = 0; i < rows[t].Length; i++) rows[t][i] += other[t][i];
        }
    }

    private static float[] Read(Checkpoint checkpoint, string name)
    {
        var values = new float[checkpoint.Info(name).ElementCount];
        checkpoint.CopyTo(name, values);
        return values;
    }
}
