using System.Numerics;
using Btx.Model.Mixing;

namespace Btx.Model.Averaging;

/// <summary>θ = Σ_j w_j θ_j over one tensor (Branch-Train-Merge, section 2.3). Used by branching, <c>train average</c> and the server
/// alike, so all three give the same bits.</summary>
public static class ParameterAverage
{
    /// <summary>
    /// Adds w·θ to <paramref name="sum"/> in fp64 and in the callers' order; <see cref="Round"/> narrows once at the end. A sum of 0 is
    /// replaced rather than added to, so with a one-hot weight vector the result has that model's bits, the sign of −0 included.
    /// </summary>
    public static void Accumulate(ReadOnlySpan<float> parameters, double weight, Span<double> sum)
    {
        if (parameters.Length != sum.Length)
            throw new ArgumentException($"{parameters.Length} parameters do not fit a sum of {sum.Length}", nameof(parameters));
        if (weight == 0) return;
        var w = new Vector<double>(weight);
        var i = 0;
        for (; i <= parameters.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(parameters[i..]), out var low, out var high);
            Add(low * w, sum[i..]);
            Add(high * w, sum[(i + Vector<double>.Count)..]);
        }

        for (; i < parameters.Length; i++) sum[i] = sum[i] == 0 ? parameters[i] * weight : sum[i] + (parameters[i] * weight);
    }

    private static void Add(Vector<double> product, Span<double> sum)
    {
        var before = new Vector<double>(sum);
        Vector.ConditionalSelect(Vector.Equals(before, Vector<double>.Zero), product, before + product).CopyTo(sum);
    }

    /// <summary>Narrows the sum to fp32.</summary>
    public static void Round(ReadOnlySpan<double> sum, Span<float> average)
    {
        for (var i = 0; i < sum.Length; i++) average[i] = (float)sum[i];
    }

    /// <summary>Checks that weights are finite, not negative and sum to 1 within 1e-6, then rescales them to sum to 1.</summary>
    /// <exception cref="BtxException">They do not; the message lists them.</exception>
    public static double[] Normalise(IReadOnlyList<double> weights)
    {
        if (weights.Count == 0 || weights.Any(w => !double.IsFinite(w) || w < 0) || Math.Abs(weights.Sum() - 1) > 1e-6)
            throw new BtxException($"average weights [{string.Join(", ", weights)}] must be finite, not negative and sum to 1");
        if (weights.Count(w => w != 0) == 1) return [.. weights.Select(w => w != 0 ? 1.0 : 0.0)];
        var sum = weights.Sum();
        return [.. weights.Select(w => w / sum)];
    }
}

/// <summary>The w of a parameter average θ = Σ_j w_j θ_j, from the prior of the target domain.</summary>
public static class AverageShares
{
    /// <param name="prior">π of the target domain, length E, sums to 1. By
    /// <see cref="AverageWeights.Uniform"/> only its length counts.</param>
    /// <returns>Length E, sums to 1.</returns>
    public static double[] Of(AverageWeights rule, ReadOnlySpan<double> prior)
    {
        switch (rule)
        {
            case AverageWeights.Uniform:
                return DomainPosterior.Uniform(prior.Length);
            case AverageWeights.Posterior:
                return prior.ToArray();
            default:
                var shares = new double[prior.Length];
                shares[ActiveSet.Largest(prior)] = 1;
                return shares;
        }
    }
}
