namespace Btx.Model.Registry;

/// <summary>A parameter average θ = Σ_j w_j θ_j that is served under a name. Exactly one of <see cref="Weights"/> and <see cref="Domain"/>
/// is set.</summary>
public sealed record NamedAverage
{
    public static IReadOnlyList<string> Reserved { get; } = ["uniform", "posterior", "argmax"];

    public required string Name { get; init; }

    /// <summary>w by expert, positive, summing to 1: chosen, or the posterior over a sample text when the average was made.</summary>
    public IReadOnlyDictionary<string, double>? Weights { get; init; }

    /// <summary>The weights are the cached prior of this domain and follow it.</summary>
    public string? Domain { get; init; }

    /// <summary>SHA-256 (hex) of the sample text that <see cref="Weights"/> were estimated on; null: they were chosen.</summary>
    public string? SampleSha256 { get; init; }

    /// <summary>An average of chosen weights, scaled to sum to 1; experts of weight 0 are left out.</summary>
    public static NamedAverage Of(string name, IReadOnlyDictionary<string, double> weights, string? sampleSha256 = null)
    {
        foreach (var (expert, weight) in weights)
            if (!(weight >= 0) || double.IsInfinity(weight))
                throw new BtxException(ErrorKind.Precondition, $"average \"{BtxException.OneLine(name)}\": the weight of "
                    + $"{BtxException.OneLine(expert)} is {weight}; expected 0 or more");

        var sum = weights.Values.Sum();
        if (!(sum > 0) || double.IsInfinity(sum))
            throw new BtxException(ErrorKind.Precondition, $"average \"{BtxException.OneLine(name)}\": the weights sum to {sum}; expected "
                + "at least one above 0");
        var scaled = weights.Where(w => w.Value > 0).OrderBy(w => w.Key, StringComparer.Ordinal);
        return new() { Name = name, SampleSha256 = sampleSha256, Weights = scaled.ToDictionary(w => w.Key, w => w.Value / sum) };
    }
}
