using Btx.Model.Forests;

namespace Btx.Model.Registry;

/// <summary>An expert that is not in the forest but may be an ancestor of one that is. Its lineage stays known after its removal.</summary>
public sealed record AbsentExpert
{
    public required string Name { get; init; }

    /// <summary>Null where only the name is known.</summary>
    public string? Domain { get; init; }

    /// <summary>SHA-256 (hex) of its weight files; null where only the name is known.</summary>
    public string? Sha256 { get; init; }

    public IReadOnlyList<ParentEntry> Parents { get; init; } = [];

    public string? CorpusSha256 { get; init; }

    public long Tokens { get; init; }

    public long Steps { get; init; }

    /// <summary>The revision that no longer had it; null: it was never served.</summary>
    public long? RemovedIn { get; init; }
}
