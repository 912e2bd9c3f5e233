namespace Btx.Model.Moe;

/// <summary>A = L Lᵀ of a symmetric positive definite matrix, in fp64, to solve A x = b.</summary>
public sealed class CholeskyFactor
{
    private readonly double[] lower; // [n, n], row-major, the lower triangle
    private readonly int n;

    /// <param name="matrix">[n, n], row-major; its lower triangle is read, and overwritten.</param>
    /// <exception cref="BtxException">It is not positive definite.</exception>
    public CholeskyFactor(double[] matrix, int n)
    {
        (lower, this.n) = (matrix, n);
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                var sum = lower[(i * n) + j] - Dot(lower.AsSpan(i * n, j), lower.AsSpan(j * n, j));
                if (i != j) lower[(i * n) + j] = sum / lower[(j * n) + j];
                else if (sum > 0 && double.IsFinite(sum)) lower[(i * n) + i] = Math.Sqrt(sum);
                else
                    throw new BtxException(
                        "the hidden states do not determine a router (their second moments are singular); give more text with "
                            + "--tokens-per-domain, or a larger --ridge-lambda");
            }
        }
    }

    /// <summary>Overwrites b [n] with x.</summary>
    public void Solve(Span<double> b)
    {
        for (var i = 0; i < n; i++) b[i] = (b[i] - Dot(lower.AsSpan(i * n, i), b[..i])) / lower[(i * n) + i];
        for (var i = n - 1; i >= 0; i--)
        {
            b[i] /= lower[(i * n) + i];
            for (var j = 0; j < i; j++) b[j] -= lower[(i * n) + j] * b[i];
        }
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var sum = System.Numerics.Vector<double>.Zero;
        var i = 0;
        for (; i <= a.Length - System.Numerics.Vector<double>.Count; i += System.Numerics.Vector<double>.Count)
            sum += new System.Numerics.Vector<double>(a[i..]) * new System.Numerics.Vector<double>(b[i..]);
        var total = System.Numerics.Vector.Sum(sum);
        for (; i < a.Length; i++) total += a[i] * b[i];
        return total;
    }
}
