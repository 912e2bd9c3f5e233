namespace Btx.Model.Moe;

/// <summary>W ~ Normal(0, 2 / 5d): the deviation that the network's other matrices begin with (arXiv 1910.05895), so that the logits of a
/// normalised state have a deviation of about 0.6 whatever d is. Knows no domain: to be fine-tuned.</summary>
public static class RandomRouter
{
    /// <summary>By layer [N·d], row-major. The same seed gives the same weights everywhere.</summary>
    public static float[][] Make(int layers, int experts, int hidden, long seed)
    {
        var deviation = Math.Sqrt(2.0 / (5.0 * hidden));
        var state = (ulong)seed;
        var router = new float[layers][];
        for (var l = 0; l < layers; l++)
        {
            router[l] = new float[(long)experts * hidden];
            for (var i = 0; i < router[l].Length; i++) router[l][i] = (float)(deviation * Normal());
        }

        return router;

        // Box and Muller (1958), the cosine half.
        double Normal()
        {
            var (u, v) = (Uniform(), Uniform());
            return Math.Sqrt(-2 * Math.Log(1 - u)) * Math.Cos(2 * Math.PI * v);
        }

        // SplitMix64, 53 bits in [0, 1).
        double Uniform()
        {
            var z = state += 0x9E3779B97F4A7C15UL;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
            return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
        }
    }
}

/// <summary>Row j is the mean hidden state of domain j less the mean over the domains, at unit length: <c>W_j = (m_j − m) / ‖m_j − m‖</c>,
/// so that a logit is the length of the state's part along the domain's own direction (nearest centroid; Rocchio 1971). Subtracting m from
/// every row shifts all logits of a token alike.</summary>
public static class CentroidRouter
{
    /// <returns>[N·d], row-major, not yet scaled. A domain that does not differ from the mean has a row of 0.</returns>
    public static double[] Fit(IReadOnlyList<LayerStatistics> domains)
    {
        var d = domains[0].Sum.Length;
        var rows = Offsets(domains);
        for (var j = 0; j < domains.Count; j++)
        {
            var row = rows.AsSpan(j * d, d);
            double square = 0;
            foreach (var v in row) square += v * v;
            if (square == 0) continue;
            for (var i = 0; i < d; i++) row[i] /= Math.Sqrt(square);
        }

        return rows;
    }

    /// <summary>m_j − m, [N·d].</summary>
    public static double[] Offsets(IReadOnlyList<LayerStatistics> domains)
    {
        int n = domains.Count, d = domains[0].Sum.Length;
        var offsets = new double[(long)n * d];
        for (var i = 0; i < d; i++)
        {
            double mean = 0;
            for (var j = 0; j < n; j++) mean += (offsets[(j * d) + i] = domains[j].Sum[i] / (double)domains[j].Count) / n;
            for (var j = 0; j < n; j++) offsets[(j * d) + i] -= mean;
        }

        return offsets;
    }
}

/// <summary>Ridge regression from hidden states to domains (Hoerl and Kennard 1970): W minimises Σ_j mean_{x of j} ‖W x − (e_j − 1/N)‖² / N
/// + μ ‖W‖², so <c>W_j = (C + μ I)⁻¹ (m_j − m) / N</c> with m_j the mean state of domain j, m their mean, C = Σ_j E_j[x xᵀ] / N, μ = λ · tr
/// C / d. Each domain weighs alike however much text it gave. Labels are centred, so the rows sum to 0; a Mixtral router has no bias, so
/// states are not.</summary>
public static class RidgeRouter
{
    /// <summary>λ where nobody names one.</summary>
    public const double DefaultLambda = 1e-3;

    /// <param name="domains">The layer's statistics, by domain.</param>
    /// <param name="lambda">λ > 0.</param>
    /// <returns>[N·d], row-major, not yet scaled.</returns>
    public static double[] Fit(IReadOnlyList<LayerStatistics> domains, double lambda)
    {
        int n = domains.Count, d = domains[0].Sum.Length;
        var moments = new double[(long)d * d];
        foreach (var domain in domains)
        {
            var share = 1.0 / (n * (double)domain.Count);
            for (var i = 0; i < moments.Length; i++) moments[i] += share * domain.Gram[i];
        }

        double trace = 0;
        for (var i = 0; i < d; i++) trace += moments[(i * d) + i];
        for (var i = 0; i < d; i++) moments[(i * d) + i] += lambda * trace / d;
        var factor = new CholeskyFactor(moments, d);
        var rows = CentroidRouter.Offsets(domains);
        for (var j = 0; j < n; j++)
        {
            var row = rows.AsSpan(j * d, d);
            for (var i = 0; i < d; i++) row[i] /= n;
            factor.Solve(row);
        }

        return rows;
    }
}

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
