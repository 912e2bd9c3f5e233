namespace Btx.Model.Forests;

/// <summary>One expert of a forest and where it comes from.</summary>
public sealed record ExpertEntry
{
    /// <summary>Lower-case letters, digits, <c>.</c>, <c>_</c>, <c>-</c>; unique in the forest.</summary>
    public required string Name { get; init; }

    public required string Domain { get; init; }

    /// <summary>The model directory, relative to the manifest's.</summary>
    public required string Path { get; init; }

    /// <summary>SHA-256 (hex) of the weight files, see <see cref="Tensors.CheckpointFiles.Hash"/>.</summary>
    public required string Sha256 { get; init; }

    /// <summary>What the branch was averaged from; weights sum to 1. Empty: random initialisation.</summary>
    public IReadOnlyList<ParentEntry> Parents { get; init; } = [];

    /// <summary>The round that made it, from 1.</summary>
    public int Round { get; init; } = 1;

    /// <summary>SHA-256 (hex) of the training shard; null for an expert that was imported.</summary>
    public string? CorpusSha256 { get; init; }

    /// <summary>Training tokens after branching.</summary>
    public long Tokens { get; init; }

    public long Steps { get; init; }

    /// <summary>
    /// The cached prior π of this expert's domain: weight per expert name, summing to 1 over the experts known when it was
    /// estimated (DEMix's cached prior). Null until it is estimated.
    /// </summary>
    public IReadOnlyDictionary<string, double>? Prior { get; init; }

    public string Status { get; init; } = ExpertStatus.Ready;
}
