namespace Btx.LoadTests.Planning;

/// <summary>How requests use the experts.</summary>
/// <param name="Mode"><c>top_k</c>, <c>ensemble</c>, <c>expert</c> or <c>moe</c>.</param>
/// <param name="K">Of <c>top_k</c> and <c>moe</c>.</param>
/// <param name="Choice"><see cref="ByPrompt"/> or <see cref="ByDomain"/>.</param>
public sealed record PlannedRouting(string Mode, int K, string Choice)
{
    /// <summary>Every expert reads the prompt before the k are chosen: what the server does.</summary>
    public const string ByPrompt = "prompt";

    /// <summary>The caller or a classifier names the domain: only the k experts read the prompt.</summary>
    public const string ByDomain = "domain";

    public bool IsMixture => Mode == "moe";

    /// <summary>Experts that run a token.</summary>
    public int Active(int experts) => Mode switch { "ensemble" => experts, "expert" => 1, _ => Math.Min(K, experts) };

    /// <summary>Experts that read a prompt.</summary>
    public int Prefilled(int experts) => Mode == "top_k" && Choice == ByPrompt ? experts : Active(experts);
}
