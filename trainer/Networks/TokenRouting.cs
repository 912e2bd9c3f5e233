namespace Btx.Trainer.Networks;

/// <summary>Which experts the tokens of one forward were given to in one layer, and with what
/// weight. Immutable; holds no tensors.</summary>
public sealed class TokenRouting
{
    private readonly long[] chosen;   // [N·k]
    private readonly float[] weights; // [N·k]

    internal TokenRouting(int experts, int perToken, long[] chosen, float[] weights, int[]? refused = null)
    {
        Experts = experts;
        PerToken = perToken;
        this.chosen = chosen;
        this.weights = weights;
        Refused = refused ?? new int[experts];
    }

    /// <summary>N, sequence after sequence as in the ids.</summary>
    public int Tokens => chosen.Length / PerToken;

    /// <summary>E.</summary>
    public int Experts { get; }

    /// <summary>k, how many experts each token was given to.</summary>
    public int PerToken { get; }

    /// <summary>Tokens beyond an expert's capacity, by expert; they are still counted as given to it. 0 at inference.</summary>
    public IReadOnlyList<int> Refused { get; }

    /// <summary>How many tokens were given to each expert; sums to N·k.</summary>
    public long[] TokensPerExpert()
    {
        var counts = new long[Experts];
        foreach (var e in chosen) counts[e]++;
        return counts;
    }

    /// <summary>Sum of the gates by expert; sums to N.</summary>
    public double[] GateMass()
    {
        var mass = new double[Experts];
        for (var i = 0; i < chosen.Length; i++) mass[chosen[i]] += weights[i];
        return mass;
    }

    /// <summary>Share of the tokens that weigh each expert most; sums to 1.</summary>
    public double[] TopShare()
    {
        var share = new double[Experts];
        for (var n = 0; n < Tokens; n++)
        {
            var row = weights.AsSpan(n * PerToken, PerToken);
            var best = 0;
            for (var i = 1; i < PerToken; i++)
            {
                if (row[i] > row[best]) best = i;
            }

            share[chosen[(n * PerToken) + best]] += 1.0 / Tokens;
        }

        return share;
    }

    /// <summary>The gates of every token, [N, E] row by row: 0 where an expert was not chosen. Made anew with each call.</summary>
    public float[] Gates()
    {
        var gates = new float[Tokens * Experts];
        for (var i = 0; i < chosen.Length; i++) gates[(i / PerToken * Experts) + chosen[i]] = weights[i];
        return gates;
    }
}
