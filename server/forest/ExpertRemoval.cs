using Btx.Engine;
using Btx.Model.Registry;

namespace Btx.Forest;

/// <summary>Experts to take out of the served forest.</summary>
public sealed record ExpertRemoval
{
    public required ChangeAuthor By { get; init; }

    public required IReadOnlyList<string> Experts { get; init; }

    /// <summary>One of <see cref="Model.Registry.LineagePolicy.Names"/>.</summary>
    public string Lineage { get; init; } = LineagePolicy.Only;

    public InFlightPolicy InFlight { get; init; } = InFlightPolicy.Renormalise;

    /// <summary>Delete the experts' files too.</summary>
    public bool Purge { get; init; }

    /// <summary>A served BTX model that holds them leaves instead of being mixed anew.</summary>
    public bool DropMoe { get; init; }

    /// <summary>Text on which the forest is compared with one built from scratch without the experts; null: the built-in probe.</summary>
    public string? Probe { get; init; }

    /// <summary>The revision that the caller has seen; null: any. A forest that changed since is not touched.</summary>
    public long? ExpectedRevision { get; init; }
}
