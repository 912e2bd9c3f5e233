namespace Btx.Engine;

/// <summary>What is being served. Immutable.</summary>
public sealed record ForestDescription
{
    /// <summary>Expert names in the forest's order: the order of every per-expert array. Empty where only a BTX model is served.</summary>
    public required IReadOnlyList<string> Experts { get; init; }

    /// <summary>Domain of each expert.</summary>
    public required IReadOnlyList<string> Domains { get; init; }

    /// <summary>Domains that have a cached prior, so that <c>average</c> by posterior and <c>prior_domain</c> can name them.</summary>
    public required IReadOnlyList<string> PriorDomains { get; init; }

    /// <summary>Named averages, which <c>average</c> can name.</summary>
    public IReadOnlyList<string> Averages { get; init; } = [];

    /// <summary>Experts that stay listed without traffic: a removal's lineage policy put them aside.</summary>
    public IReadOnlyList<string> Quarantined { get; init; } = [];

    /// <summary>What is not served because its files have changed.</summary>
    public ForestDamage Damage { get; init; } = ForestDamage.None;

    /// <summary>Longest sequence, prompt and completion together, in tokens.</summary>
    public required int ContextLength { get; init; }

    public required int VocabSize { get; init; }

    /// <summary>Weights hash of the forest's manifest; empty without a forest.</summary>
    public required string ForestSha256 { get; init; }

    /// <summary>Of the forest; of the BTX model where there is no forest.</summary>
    public required string Precision { get; init; }

    public required string Device { get; init; }

    public required DateTimeOffset LoadedAt { get; init; }

    /// <summary>Of all its models, averages that may be made later aside.</summary>
    public Sessions.ModelMemory Memory { get; init; }

    /// <summary>The BTX model that answers mode <c>moe</c>; null: none is loaded.</summary>
    public MoeDescription? Moe { get; init; }
}
