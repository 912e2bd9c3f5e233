using System.Numerics;

namespace Btx.Model.Mixing;

/// <summary>Arithmetic on log-probabilities. −∞ is probability 0 everywhere; NaN never comes out of finite or −∞ input.</summary>
public static class LogSpace
{
    /// <summary>log Σ exp(x_i); −∞ for an empty span or one of −∞ only.</summary>
    public static double Sum(ReadOnlySpan<double> x)
    {
        var max = double.NegativeInfinity;
        foreach (var v in x) max = Math.Max(max, v);
        if (double.IsNegativeInfinity(max)) return max;
        var sum = 0.0;
        foreach (var v in x) sum += Math.Exp(v - max);
        return max + Math.Log(sum);
    }

    /// <summary>Writes exp(x_i) / Σ exp(x) to <paramref name="weights"/>. Returns false and leaves them alone if every x_i is −∞.</summary>
    public static bool Softmax(ReadOnlySpan<double> x, Span<double> weights)
    {
        var total = Sum(x);
        if (double.IsNegativeInfinity(total)) return false;
        for (var i = 0; i < x.Length; i++) weights[i] = Math.Exp(x[i] - total);
        return true;
    }
}

/// <summary>Softmax arithmetic on one row of logits, vectorised: the only place that exponentiates a vocabulary.</summary>
public static class LogitRow
{
    private const int Block = 1024;

    /// <summary>log Σ_v exp(logit_v), sums widened to fp64 every 1,024 entries.</summary>
    public static double LogNormaliser(ReadOnlySpan<float> logits)
    {
        var max = Max(logits);
        if (float.IsNegativeInfinity(max)) return double.NegativeInfinity;
        var total = 0.0;
        for (var at = 0; at < logits.Length; at += Block) total += SumExp(logits.Slice(at, Math.Min(Block, logits.Length - at)), max);
        return max + Math.Log(total);
    }

    /// <summary>log p(token) under softmax of the row.</summary>
    public static double LogProbability(ReadOnlySpan<float> logits, int token) => logits[token] - LogNormaliser(logits);

    /// <summary>
    /// Adds <paramref name="weight"/>·softmax(logits) to <paramref name="probabilities"/>: one exponential per entry given the
    /// row's <see cref="LogNormaliser"/>.
    /// </summary>
    public static void AddSoftmax(ReadOnlySpan<float> logits, double logNormaliser, double weight, Span<float> probabilities)
    {
        if (weight == 0) return;
        // In two parts: of large logits, fp32 would round the weight away.
        var near = (float)logNormaliser;
        var rest = (float)(logNormaliser - near - Math.Log(weight));
        var (nearVector, restVector) = (new Vector<float>(near), new Vector<float>(rest));
        var i = 0;
        for (; i <= logits.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var target = probabilities[i..];
            (new Vector<float>(target) + Vector.Exp(new Vector<float>(logits[i..]) - nearVector - restVector)).CopyTo(target);
        }

        for (; i < logits.Length; i++) probabilities[i] += MathF.Exp(logits[i] - near - rest);
    }

    /// <summary>The largest value; −∞ of nothing.</summary>
    public static float Max(ReadOnlySpan<float> x)
    {
        var best = float.NegativeInfinity;
        var i = 0;
        if (x.Length >= Vector<float>.Count)
        {
            var m = new Vector<float>(x);
            for (i = Vector<float>.Count; i <= x.Length - Vector<float>.Count; i += Vector<float>.Count)
                m = Vector.Max(m, new Vector<float>(x[i..]));
            for (var k = 0; k < Vector<float>.Count; k++) best = Math.Max(best, m[k]);
        }

        for (; i < x.Length; i++) best = Math.Max(best, x[i]);
        return best;
    }

    private static double SumExp(ReadOnlySpan<float> x, float max)
    {
        var sum = Vector<float>.Zero;
        var m = new Vector<float>(max);
        var i = 0;
        for (; i <= x.Length - Vector<float>.Count; i += Vector<float>.Count) sum += Vector.Exp(new Vector<float>(x[i..]) - m);
        double total = Vector.Sum(sum);
        for (; i < x.Length; i++) total += Math.Exp(x[i] - max);
        return total;
    }
}
