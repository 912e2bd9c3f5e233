namespace Btx.Engine;

/// <summary>The BTX model that is served. Immutable.</summary>
public sealed record MoeDescription
{
    /// <summary>By index: the order of every gate.</summary>
    public required IReadOnlyList<string> Experts { get; init; }

    /// <summary>Domain of each expert.</summary>
    public required IReadOnlyList<string> Domains
    {
        get;
        init
        {
            field = value;
            DomainNames = [.. value.Distinct(StringComparer.Ordinal)];
        }
    }

    /// <summary>Each domain once, in the order of its first expert.</summary>
    public IReadOnlyList<string> DomainNames { get; private init; } = [];

    /// <summary>k unless a request asks otherwise.</summary>
    public required int ExpertsPerToken { get; init; }

    /// <summary>The k that can be asked for: where k is built into the graphs, those that were exported; otherwise 1..N.</summary>
    public required IReadOnlyList<int> Choices { get; init; }

    public required int Layers { get; init; }

    /// <summary>How the router was trained, see <see cref="Model.Moe.RouterKind"/>.</summary>
    public required string Router { get; init; }

    /// <summary>Layers in which every expert runs, whatever k is.</summary>
    public IReadOnlyList<int> SoftLayers { get; init; } = [];

    public required string Precision { get; init; }

    /// <summary>SHA-256 (hex) of the BTX model's weight files.</summary>
    public required string Sha256 { get; init; }
}
