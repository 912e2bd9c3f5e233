using Btx.Model.Forests;

namespace Btx.Model.Mixtures;

/// <summary>Where the feed-forwards of one index come from.</summary>
public sealed record BtxExpert
{
    /// <summary>Unique in the model; the expert's name in the forest, or <c>seed</c>.</summary>
    public required string Name { get; init; }

    public required string Domain { get; init; }

    /// <summary>SHA-256 (hex) of the source's weight files; null for a model made elsewhere.</summary>
    public string? Sha256 { get; init; }

    /// <summary>What the source was branched from.</summary>
    public IReadOnlyList<ParentEntry> Parents { get; init; } = [];

    /// <summary>SHA-256 (hex) of the source's training shard.</summary>
    public string? CorpusSha256 { get; init; }

    /// <summary>Training tokens of the source after branching.</summary>
    public long Tokens { get; init; }

    public long Steps { get; init; }

    /// <summary>Absolute path of its own model directory when it was mixed, for one that is in no forest (the
    /// seed): what a mixture anew reads it from.</summary>
    public string? Source { get; init; }
}
