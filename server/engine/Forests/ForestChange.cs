namespace Btx.Engine.Forests;

/// <summary>How the next snapshot differs from the present one. What is not named stays as it is.</summary>
public sealed record ForestChange
{
    public IReadOnlyList<ExpertSource> Add { get; init; } = [];

    /// <summary>Experts that leave, with the priors that they recorded.</summary>
    public IReadOnlyList<string> Remove { get; init; } = [];

    /// <summary>Experts that get no traffic any more, while the priors that they recorded stay.</summary>
    public IReadOnlyList<string> Quarantine { get; init; } = [];

    /// <summary>All named averages there shall be: weights by expert. Null: those there are, rescaled over the experts that stay.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>>? Averages { get; init; }

    /// <summary>The served BTX model that takes the present one's place; null: it stays.</summary>
    public string? Moe { get; init; }

    /// <summary>The BTX model leaves.</summary>
    public bool DropMoe { get; init; }

    /// <summary>What leaves traffic because its files have changed; it stays listed, and its priors stay.</summary>
    internal ForestDamage Damage { get; init; } = ForestDamage.None;

    /// <summary>All recorded priors there shall be; null: those there are, less those of experts
    /// that leave, and those of the added ones.</summary>
    internal IReadOnlyList<RecordedPrior>? Priors { get; init; }

    /// <summary>All experts that shall be listed without traffic; null: those there are, and <see cref="Quarantine"/>.</summary>
    internal IReadOnlyList<string>? Quarantined { get; init; }

    /// <summary>Models of <see cref="Add"/> that were opened before, by name; held by the caller.</summary>
    internal IReadOnlyDictionary<string, ServedModel> Opened { get; init; } = new Dictionary<string, ServedModel>();
}
