namespace Btx.Trainer.Networks;

/// <summary>Which experts the tokens of one forward were given to in one layer, and with what weight. Holds no tensors.</summary>
/// <param name="Experts">E.</param>
/// <param name="PerToken">k, how many experts each token was given to.</param>
/// <param name="Chosen">[N·k], token after token as in the ids.</param>
/// <param name="Weights">[N·k].</param>
/// <param name="Refused">Tokens beyond an expert's capacity, by expert; they are still counted as given to it. 0 at inference.</param>
public sealed record TokenRouting(int Experts, int PerToken, long[] Chosen, float[] Weights, int[] Refused)
{
    public int Tokens => Chosen.Length / PerToken;

    /// <summary>How many tokens were given to each expert; sums to N·k.</summary>
    public long[] TokensPerExpert()
    {
        var counts = new long[Experts];
        foreach (var e in Chosen) counts[e]++;
        return counts;
    }
}
