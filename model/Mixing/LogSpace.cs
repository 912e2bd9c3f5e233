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
