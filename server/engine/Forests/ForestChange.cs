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

    public bool DropMoe { get; init; }

    /// <summary>What leaves traffic because its files have changed; it stays listed, and its priors stay.</summary>
    internal ForestDamage Damage { get; init; } = ForestDamage.None;

    /// <summary>All recorded priors there shall be; null: those there are, less those that leave, and the added ones.</summary>
    internal IReadOnlyList<RecordedPrior>? Priors { get; init; }

    /// <summary>All experts that shall be listed without traffic; null: those there are, and <see cref="Quarantine"/>.</summary>
    internal IReadOnlyList<string>? Quarantined { get; init; }

    /// <summary>Models of <see cref="Add"/> that were opened before, by name; held by the caller.</summary>
    internal IReadOnlyDictionary<string, ServedModel> Opened { get; init; } = new Dictionary<string, ServedModel>();

    /// <summary>What changes between two states.</summary>
    internal static ForestChange Between(ForestState before, ForestState after, Func<RegisteredExpert, string> directory,
        string? moeBefore, string? moeAfter)
    {
        var serving = before.Ready.Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
        var listed = after.Experts.Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
        return new ForestChange
        {
            Add = [.. after.Ready.Where(e => !serving.Contains(e.Name))
                .Select(e => new ExpertSource { Name = e.Name, Domain = e.Domain, Directory = directory(e) })],
            Remove = [.. serving.Where(n => !listed.Contains(n))],
            Quarantine = [.. after.Quarantined.Where(serving.Contains)],
            Quarantined = after.Quarantined,
            Averages = after.AverageWeights(),
            Priors = RecordedPrior.Of(after),
            Moe = moeAfter == moeBefore ? null : moeAfter,
            DropMoe = moeBefore is not null && moeAfter is null,
        };
    }
}

public sealed record ExpertSource
{
    public required string Name { get; init; }

    public required string Domain { get; init; }

    /// <summary>Directory of its weights, config and tokenizer, in the served precision.</summary>
    public required string Directory { get; init; }

    /// <summary>Its weights, if they were opened before; taken over by who opens the expert.</summary>
    internal Checkpoint? Weights { get; init; }

    /// <summary>The cached prior of its domain, by expert; null: none.</summary>
    public IReadOnlyDictionary<string, double>? Prior { get; init; }
}
