using Btx.Model.Mixing;

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
