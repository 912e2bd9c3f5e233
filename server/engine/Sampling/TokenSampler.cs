using System.Numerics;

namespace Btx.Engine.Sampling;

/// <summary>Draws the next token, in the order of <see cref="SamplingOptions"/>. Owns its scratch: one per thread.</summary>
internal sealed class TokenSampler(int vocabSize)
{
    // Below this temperature the rounding of fp32 logits would decide the draw: it is greedy, which is the limit.
    private const double Coldest = 1e-5;

    // Candidates are gathered above falling thresholds, so that a filter sorts few of a large vocabulary.
    private const float FirstThreshold = 1f / 256;

    private readonly float[] weights = new float[vocabSize];
    private readonly ulong[] candidates = new ulong[vocabSize];

    /// <param name="probabilities">The mixture, length V, sums to 1 (fp32 rounding aside).</param>
    /// <param name="seen">Marks the tokens of prompt and completion, length V; read only with a repetition penalty.</param>
    /// <param name="constraints">Prepared for this step, and leaving a token that is not improbable; null: none.</param>
    /// <returns>The token; of equal ones the lower id.</returns>
    public int Sample(ReadOnlySpan<float> probabilities, SamplingOptions options, ReadOnlySpan<bool> seen, ref RandomStream random,
        TokenConstraints? constraints = null)
    {
        var max = LogitRow.Max(probabilities);
        if (!(max > 0 && float.IsFinite(max)))
            throw new BtxException($"the largest probability of the mixture is {max}: the weights of an expert are damaged");
        var greedy = options.Temperature < Coldest;
        var q = probabilities;
        if (options.RepetitionPenalty != 1 || (options.Temperature != 1 && !greedy) || constraints is { ChangesScores: true })
        {
            Score(probabilities, options.RepetitionPenalty, seen);
            constraints?.Adjust(weights);
            if (constraints is { Masks: true }) constraints.Mask(weights, float.NegativeInfinity);
            if (!greedy) Exponentiate((float)(1 / options.Temperature));
            q = weights;
        }
        else if (constraints is { Masks: true })
        {
            probabilities.CopyTo(weights);
            constraints.Mask(weights, 0);
            q = weights;
        }

        if (greedy) return ArgMax(q);
        var u = random.NextDouble();
        return options.TopK == 0 && options.TopP == 1 && options.MinP == 0 ? DrawFromAll(q, u) : DrawFiltered(q, options, u);
    }

    /// <summary>The largest entry; of equal ones the lowest index.</summary>
    public static int ArgMax(ReadOnlySpan<float> x)
    {
        var best = LogitRow.Max(x);
        var at = x.IndexOf(best);
        return at < 0 ? 0 : at;
    }

    /// <summary>Writes the ids of the most probable tokens, most probable first (ties: lower id), to <paramref name="top"/>.</summary>
    public static void Largest(ReadOnlySpan<float> probabilities, Span<int> top)
    {
        var count = 0;
        for (var v = 0; v < probabilities.Length; v++)
        {
            var p = probabilities[v];
            if (count == top.Length && p <= probabilities[top[count - 1]]) continue;
            var at = count < top.Length ? count++ : count - 1;
            for (; at > 0 && p > probabilities[top[at - 1]]; at--) top[at] = top[at - 1];
            top[at] = v;
        }
    }

    // Scores are log-probabilities, never positive, so CTRL's penalty multiplies them: p becomes p^penalty, which no p underflows here.
    private void Score(ReadOnlySpan<float> probabilities, double penalty, ReadOnlySpan<bool> seen)
    {
        var i = 0;
        for (; i <= probabilities.Length - Vector<float>.Count; i += Vector<float>.Count)
            Vector.Log(new Vector<float>(probabilities[i..])).CopyTo(weights.AsSpan(i));
        for (; i < probabilities.Length; i++) weights[i] = MathF.Log(probabilities[i]);
        if (penalty == 1) return;
        var factor = Math.Max((float)penalty, float.Epsilon); // 0 would make NaN of probability 0
        for (var v = 0; v < seen.Length; v++)
            if (seen[v]) weights[v] *= factor;
    }

    // exp((score − largest) / T): 1 for the largest whatever T is, so that some weight is always left.
    private void Exponentiate(float power)
    {
        var largest = LogitRow.Max(weights);
        var (shift, p) = (new Vector<float>(largest), new Vector<float>(power));
        var i = 0;
        for (; i <= weights.Length - Vector<float>.Count; i += Vector<float>.Count)
            Vector.Exp((new Vector<float>(weights, i) - shift) * p).CopyTo(weights, i);
        for (; i < weights.Length; i++) weights[i] = MathF.Exp((weights[i] - largest) * power);
    }

    private static int DrawFromAll(ReadOnlySpan<float> q, double u)
    {
        var total = 0.0;
        foreach (var w in q) total += w;
        var target = u * total;
        var sum = 0.0;
        var last = 0;
        for (var v = 0; v < q.Length; v++)
        {
            if (q[v] <= 0) continue;
            sum += q[v];
            last = v;
            if (sum > target) return v;
        }

        return last;
    }

    // All three filters keep a prefix of the order "more probable first"; the kept prefix is the shortest of the three.
    private int DrawFiltered(ReadOnlySpan<float> q, SamplingOptions options, double u)
    {
        var max = LogitRow.Max(q);
        var total = 0.0;
        foreach (var w in q) total += w;
        var count = Gather(q, max, options, total);
        var sorted = candidates.AsSpan(0, count);
        sorted.Sort();
        var kept = options.TopK > 0 ? Math.Min(options.TopK, count) : count;
        if (options.TopP < 1) kept = Nucleus(q, sorted[..kept], options.TopP * (options.TopK > 0 ? Mass(q, sorted[..kept]) : total));
        while (kept > 1 && q[Id(sorted[kept - 1])] < options.MinP * max) kept--;

        var target = u * Mass(q, sorted[..kept]);
        var sum = 0.0;
        for (var i = 0; i < kept - 1; i++)
        {
            sum += q[Id(sorted[i])];
            if (sum > target) return Id(sorted[i]);
        }

        return Id(sorted[kept - 1]);
    }

    // Every token at or above a threshold low enough that the kept prefix lies among them. Keys sort by falling weight, then id.
    private int Gather(ReadOnlySpan<float> q, float max, SamplingOptions options, double total)
    {
        for (var part = FirstThreshold; ; part *= part)
        {
            var threshold = part < float.Epsilon * 256 ? 0 : max * part;
            var count = 0;
            var mass = 0.0;
            for (var v = 0; v < q.Length; v++)
            {
                if (q[v] < threshold || q[v] <= 0) continue;
                candidates[count++] = ((ulong)~BitConverter.SingleToUInt32Bits(q[v]) << 32) | (uint)v;
                mass += q[v];
            }

            var enough = options.TopK > 0
                ? count >= options.TopK || (options.TopP == 1 && options.MinP * max >= threshold)
                : (options.TopP < 1 && mass >= options.TopP * total) || options.MinP * max >= threshold;
            if (enough || threshold == 0) return count;
        }
    }

    private static int Nucleus(ReadOnlySpan<float> q, ReadOnlySpan<ulong> sorted, double needed)
    {
        var mass = 0.0;
        for (var i = 0; i < sorted.Length; i++)
        {
            mass += q[Id(sorted[i])];
            if (mass >= needed) return i + 1;
        }

        return sorted.Length;
    }

    private static double Mass(ReadOnlySpan<float> q, ReadOnlySpan<ulong> sorted)
    {
        var mass = 0.0;
        foreach (var key in sorted) mass += q[Id(key)];
        return mass;
    }

    private static int Id(ulong key) => (int)(uint)key;
}

/// <summary>A request's random numbers (SplitMix64, Steele et al. 2014): the same seed gives the same, whatever else runs.</summary>
internal struct RandomStream(long seed)
{
    private ulong state = unchecked((ulong)seed);

    public double NextDouble()
    {
        var z = state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
