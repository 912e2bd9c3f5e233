namespace Btx.Engine.Requests;

/// <summary>Entry i belongs to predicting tokens[i+1] from tokens[0..i]. Natural logarithms.</summary>
/// <param name="LogProbs">[n−1] of the mode.</param>
/// <param name="ExpertLogProbs">[E][n−1] of each expert; null for experts that the mode did not
/// run (average, expert). Empty in mode moe.</param>
/// <param name="Posterior">[E][n−1]: the weight used there; for an average, the averaging weights. Empty in mode moe.</param>
/// <param name="Gates">Mode moe, [n−1]: how tokens[i] was routed, from which tokens[i+1] was predicted; null unless asked for.</param>
public sealed record ScoreResult(double[] LogProbs, double[]?[] ExpertLogProbs, double[][] Posterior, RouterGates[]? Gates = null)
{
    /// <summary>The forest that the request began with: index j above is its expert j.</summary>
    public ForestDescription? Forest { get; init; }

    /// <summary>[n−1]: the most probable tokens at each position; empty unless asked for.</summary>
    public IReadOnlyList<TokenAlternative[]> Top { get; init; } = [];

    /// <summary>Experts that were removed while the text was scored: no part of the result has them.</summary>
    public IReadOnlyList<string> Removed { get; init; } = [];
}
