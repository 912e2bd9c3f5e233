using Btx.Model.Mixing;

namespace Btx.Engine.Forests;

/// <summary>Names an averaged model: uniform, or the cached prior of a domain.</summary>
/// <param name="Domain">Null for uniform.</param>
internal sealed record AverageKey(string? Domain)
{
    /// <summary>The average that a routing asks for; by argmax it is one expert, so there is none.</summary>
    public static AverageKey? Of(Routing routing) => routing switch
    {
        { Mode: not RoutingMode.Average } or { Average: AverageWeights.Argmax } => null,
        { Average: AverageWeights.Uniform } => new AverageKey((string?)null),
        _ => new AverageKey(routing.AverageDomain),
    };

    public override string ToString() => Domain is null ? "average:uniform" : $"average:posterior:{Domain}";
}
