using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Planning;

/// <summary>How many devices a load needs, for each number of experts.</summary>
public sealed record CapacityPlan
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    public required MachineSpec Machine { get; init; }

    public required PlannedLoad Load { get; init; }

    public required PlannedRouting Routing { get; init; }

    public required StepCosts Costs { get; init; }

    public required IReadOnlyList<ForestPlan> Forests { get; init; }

    /// <summary>A sentence each.</summary>
    public required IReadOnlyList<string> Assumptions { get; init; }
}

/// <summary>How likely a request uses each expert.</summary>
internal static class ExpertUse
{
    /// <summary>Its domain's own expert, and the other k - 1 evenly among the rest. The sum is k.</summary>
    public static double[] Of(double[] shares, int k)
    {
        var others = shares.Length - 1;
        return [.. shares.Select(p => p + (others > 0 ? (1 - p) * (k - 1) / others : 0))];
    }

    /// <summary>Expected distinct experts of so many requests that choose independently.</summary>
    /// <param name="use">Chance of each expert.</param>
    public static double Distinct(IEnumerable<double> use, double requests) =>
        use.Sum(q => UnionFitting.Formula(1, Math.Min(1, q), requests));
}

/// <summary>What is asked of the service.</summary>
/// <param name="PromptTokens">Mean.</param>
/// <param name="OutputTokens">Mean.</param>
/// <param name="Mix">In the form of <see cref="DomainShares"/>.</param>
/// <param name="InterTokenLimit">Seconds between two tokens that a batch may take; null: none.</param>
public sealed record PlannedLoad(double RequestsPerSecond, double PromptTokens, double OutputTokens, string Mix, double? InterTokenLimit);

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

/// <summary>What the plan leaves free.</summary>
/// <param name="Utilisation">Highest share of time that a device may be busy.</param>
/// <param name="MemoryShare">Share of memory that may be used.</param>
/// <param name="Slots">Requests at a time that a server has caches for.</param>
public sealed record ServiceRules(double Utilisation = 0.7, double MemoryShare = 0.9, int Slots = 16);

/// <summary>What <c>plan --json</c> writes.</summary>
public sealed record PlanDocument(CapacityPlan? Plan, PlanCheck? Check);
