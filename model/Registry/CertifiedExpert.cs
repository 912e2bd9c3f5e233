using Btx.Model.Forests;

namespace Btx.Model.Registry;

/// <summary>A removed expert as its certificate names it.</summary>
public sealed record CertifiedExpert
{
    public required string Name { get; init; }

    public required string Domain { get; init; }

    /// <summary>SHA-256 (hex) of the weight files.</summary>
    public required string Sha256 { get; init; }

    /// <summary>What <see cref="Path"/> is relative to, see <see cref="ExpertRoot"/>.</summary>
    public required string Root { get; init; }

    public required string Path { get; init; }

    public IReadOnlyList<ParentEntry> Parents { get; init; } = [];

    /// <summary>SHA-256 (hex) of the training shard, if it is known.</summary>
    public string? CorpusSha256 { get; init; }

    /// <summary>True if a cached prior of its own was dropped with it.</summary>
    public bool PriorDropped { get; init; }

    public IReadOnlyList<CertifiedFile> Files { get; init; } = [];
}
