namespace Btx.Forest;

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
