using Btx.Model.Forests;

namespace Btx.Forest;

/// <summary>An expert to add to the served forest.</summary>
public sealed record ExpertAddition
{
    public required ChangeAuthor By { get; init; }

    /// <summary>Directory of its weights, config and tokenizer, inside one of <see cref="IForestRegistry.ExpertRoots"/>: absolute, or
    /// relative to the first root that has it.</summary>
    public required string Directory { get; init; }

    public required string Name { get; init; }

    /// <summary>Null: as the forest it lies in lists it, else the name.</summary>
    public string? Domain { get; init; }

    /// <summary>SHA-256 (hex) that its weight files must have; null: what the forest it lies in lists, else whatever they have.</summary>
    public string? Sha256 { get; init; }

    /// <summary>What it was branched from; null: as the forest it lies in lists it, else unknown.</summary>
    public IReadOnlyList<ParentEntry>? Parents { get; init; }

    /// <summary>Sample text by domain: the cached prior of each is computed anew, over the old experts and this one. A domain without text
    /// keeps its prior.</summary>
    public IReadOnlyDictionary<string, string> Samples { get; init; } = new Dictionary<string, string>();

    /// <summary>Directory with this expert's router statistics, inside a root, for a served BTX model that is mixed anew with it; null:
    /// beside its weights, or the BTX model stays as it is.</summary>
    public string? RouterStatistics { get; init; }
}
