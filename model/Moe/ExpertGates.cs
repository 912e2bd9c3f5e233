namespace Btx.Model.Moe;

/// <summary>The gates of one token in one layer, from its router logits.</summary>
public static class ExpertGates
{
    /// <summary>g = softmax over the k largest logits, 0 elsewhere; of equal logits the lower index counts
    /// as larger. k = N is the soft router.</summary>
    /// <param name="logits">W x, [N].</param>
    /// <param name="k">1..N.</param>
    /// <param name="gates">Out, [N], sums to 1.</param>
    public static void TopK(ReadOnlySpan<double> logits, int k, Span<double> gates)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, logits.Length);
        double largest = double.NegativeInfinity, sum = 0;
        for (var i = 0; i < logits.Length; i++)
        {
            var above = 0;
            for (var j = 0; j < logits.Length; j++)
            {
                if (logits[j] > logits[i] || (logits[j] == logits[i] && j < i)) above++;
            }

            gates[i] = above < k ? logits[i] : double.NegativeInfinity;
            largest = Math.Max(largest, logits[i]);
        }

        for (var i = 0; i < logits.Length; i++) sum += gates[i] = Math.Exp(gates[i] - largest);
        for (var i = 0; i < logits.Length; i++) gates[i] /= sum;
    }
}
