namespace Btx.Forest;

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

    /// <summary>Sample text by domain, whose cached prior is computed again. A domain without text keeps its prior.</summary>
    public IReadOnlyDictionary<string, string> Samples { get; init; } = new Dictionary<string, string>();

    /// <summary>Directory with this expert's router statistics, inside a root, for a served BTX model that is re-mixed with it; null:
    /// beside its weights, or the BTX model stays as it is.</summary>
    public string? RouterStatistics { get; init; }
}

public sealed record ExpertRemoval
{
    public required ChangeAuthor By { get; init; }

    public required IReadOnlyList<string> Experts { get; init; }

    public string Lineage { get; init; } = LineagePolicy.Only;

    public InFlightPolicy InFlight { get; init; } = InFlightPolicy.Renormalise;

    public bool Purge { get; init; }

    /// <summary>A served BTX model that holds them leaves instead of being re-mixed.</summary>
    public bool DropMoe { get; init; }

    /// <summary>Text on which the forest is compared with one built from scratch without the experts; null: the built-in probe.</summary>
    public string? Probe { get; init; }

    /// <summary>The revision that the caller has seen; null: any. A forest that changed since is not touched.</summary>
    public long? ExpectedRevision { get; init; }
}

/// <summary>A named average to serve. Exactly one of <see cref="Weights"/>, <see cref="Domain"/> and <see cref="Sample"/> is set.</summary>
public sealed record AverageCreation
{
    public required ChangeAuthor By { get; init; }

    public required string Name { get; init; }

    /// <summary>w by expert, not negative; scaled to sum to 1.</summary>
    public IReadOnlyDictionary<string, double>? Weights { get; init; }

    /// <summary>The cached prior of this domain; the average follows it.</summary>
    public string? Domain { get; init; }

    /// <summary>Text of the target domain: the weights are the posterior over it, fixed from then on.</summary>
    public string? Sample { get; init; }
}

/// <summary>Who wants a change, and why. Both go into the log.</summary>
public sealed record ChangeAuthor(string Author, string Reason);
