namespace Btx.Engine.Requests;

/// <param name="Tokens">At least 2 and at most the context length.</param>
/// <param name="ReportExperts">Mode moe: reports the router's gates at each position. The other modes always report their experts.</param>
public sealed record ScoreRequest(int[] Tokens, Routing Routing, bool ReportExperts = false)
{
    /// <summary>How many alternatives to report per predicted token, 0..20.</summary>
    public int TopLogProbs { get; init; }

    /// <summary>Most tokens in one step while other requests run, so that they feel little of it.</summary>
    internal int Chunk { get; init; } = int.MaxValue;
}

/// <summary>Entry i belongs to predicting tokens[i+1] from tokens[0..i]. Natural logarithms.</summary>
/// <param name="LogProbs">[n−1] of the mode.</param>
/// <param name="ExpertLogProbs">[E][n−1] of each expert; null for experts that did not run. Empty in mode moe.</param>
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
