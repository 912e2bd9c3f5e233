namespace Btx.Trainer.Networks;

/// <summary>Which experts the tokens of one forward were given to in one layer, and with what weight. Holds no tensors.</summary>
/// <param name="experts">E.</param>
/// <param name="perToken">k, how many experts each token was given to.</param>
/// <param name="chosen">[N·k].</param>
/// <param name="weights">[N·k].</param>
/// <param name="refused">Tokens beyond an expert's capacity, by expert; they are still counted as given to it. 0 at inference.</param>
public sealed class TokenRouting(int experts, int perToken, long[] chosen, float[] weights, int[] refused)
{
    /// <summary>N, sequence after sequence as in the ids.</summary>
    public int Tokens => chosen.Length / perToken;

    public int PerToken => perToken;

    public IReadOnlyList<int> Refused => refused;

    /// <summary>How many tokens were given to each expert; sums to N·k.</summary>
    public long[] TokensPerExpert()
    {
        var counts = new long[experts];
        foreach (var e in chosen) counts[e]++;
        return counts;
    }

    /// <summary>Sum of the gates by expert; sums to N.</summary>
    public double[] GateMass()
    {
        var mass = new double[experts];
        for (var i = 0; i < chosen.Length; i++) mass[chosen[i]] += weights[i];
        return mass;
    }

    /// <summary>Share of the tokens that weigh each expert most; sums to 1.</summary>
    public double[] TopShare()
    {
        var share = new double[experts];
        for (var n = 0; n < Tokens; n++)
        {
            var row = weights.AsSpan(n * perToken, perToken);
            var best = 0;
            for (var i = 1; i < perToken; i++)
                if (row[i] > row[best]) best = i;

            share[chosen[(n * perToken) + best]] += 1.0 / Tokens;
        }

        return share;
    }

    /// <summary>The gates of every token, [N, E] row by row: 0 where an expert was not chosen. Made again with each call.</summary>
    public float[] Gates()
    {
        var gates = new float[Tokens * experts];
        for (var i = 0; i < chosen.Length; i++) gates[(i / perToken * experts) + chosen[i]] = weights[i];
        return gates;
    }
}
