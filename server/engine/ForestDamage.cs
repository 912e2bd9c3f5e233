using Btx.Model.Mixing;

namespace Btx.Engine;

/// <summary>What is not served because its files on disk are not those that were opened any more, and why. Immutable.</summary>
/// <param name="Experts">By name; one line each. They stay listed, as quarantined.</param>
/// <param name="Moe">Of the BTX model; null: nothing is wrong with it.</param>
public sealed record ForestDamage(IReadOnlyDictionary<string, string> Experts, string? Moe = null)
{
    public static ForestDamage None { get; } = new(new Dictionary<string, string>());

    /// <summary>Why a routing that needs what is damaged cannot be answered; null: it does not need it.</summary>
    /// <param name="served">Experts that are left.</param>
    public string? Problem(Routing routing, IReadOnlyList<string> served) => routing switch
    {
        { Mode: RoutingMode.Moe } => Moe is null ? null : $"the BTX model is not served: {Moe}",
        { Mode: RoutingMode.Expert, Expert: { } name } when Experts.TryGetValue(name, out var why) =>
            $"expert \"{name}\" is quarantined: {why}",
        _ when served.Count == 0 && Experts.Count > 0 => $"every expert is quarantined: {Experts.Values.First()}",
        _ => null,
    };
}
