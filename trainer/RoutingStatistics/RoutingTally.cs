using Btx.Trainer.Networks;

namespace Btx.Trainer.RoutingStatistics;

/// <summary>Sums over tokens of how each layer of a mixture routed them.</summary>
/// <param name="layers">L.</param>
/// <param name="experts">E.</param>
public sealed class RoutingTally(int layers, int experts)
{
    // For each layer: tokens, E tokens that weigh the expert most, E sums of gates.
    private readonly double[] sums = new double[layers * ((2 * experts) + 1)];

    public int Layers => layers;

    public int Experts => experts;

    /// <summary>Everything it remembers: what a resume point keeps.</summary>
    /// <exception cref="ArgumentException">Not of this shape.</exception>
    public IReadOnlyList<double> Sums
    {
        get => [.. sums];
        set
        {
            if (value.Count != sums.Length) throw new ArgumentException($"{value.Count} numbers; expected {sums.Length}", nameof(value));
            for (var i = 0; i < sums.Length; i++) sums[i] = value[i];
        }
    }

    /// <summary>Adds one forward pass through a layer.</summary>
    public void Add(int layer, TokenRouting routing)
    {
        var row = Row(layer);
        var (top, mass) = (routing.TopShare(), routing.GateMass());
        row[0] += routing.Tokens;
        for (var e = 0; e < experts; e++)
        {
            row[1 + e] += top[e] * routing.Tokens;
            row[1 + experts + e] += mass[e];
        }
    }

    public void Clear() => Array.Clear(sums);

    public double Tokens(int layer) => Row(layer)[0];

    /// <summary>Share of the tokens that weigh the expert most.</summary>
    public double TopShare(int layer, int expert) => Row(layer)[1 + expert] / Math.Max(1, Tokens(layer));

    /// <summary>Mean gate of the expert; over a layer they sum to 1.</summary>
    public double GateShare(int layer, int expert) => Row(layer)[1 + experts + expert] / Math.Max(1, Tokens(layer));

    /// <summary>Entropy of the layer's gate shares in bits: log2 E when all experts carry the same, 0 when one carries all.</summary>
    public double Entropy(int layer)
    {
        var bits = 0.0;
        for (var e = 0; e < experts; e++)
        {
            var share = GateShare(layer, e);
            if (share > 0) bits -= share * Math.Log2(share);
        }

        return bits;
    }

    /// <summary>The smallest gate share of any expert in any layer.</summary>
    public double SmallestShare()
    {
        var least = 1.0;
        for (var l = 0; l < layers; l++)
        {
            for (var e = 0; e < experts; e++) least = Math.Min(least, GateShare(l, e));
        }

        return least;
    }

    /// <summary>The rows of one statistic, rounded as <c>routing.csv</c> keeps them.</summary>
    public IReadOnlyList<RoutingRow> Rows(long step, long tokens)
    {
        static double Six(double value) => Math.Round(value, 6);
        return [.. Enumerable.Range(0, layers).SelectMany(l => Enumerable.Range(0, experts)
            .Select(e => new RoutingRow(step, tokens, l, e, Six(TopShare(l, e)), Six(GateShare(l, e)), Six(Entropy(l)))))];
    }

    private Span<double> Row(int layer) => sums.AsSpan(layer * ((2 * experts) + 1), (2 * experts) + 1);
}
