using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

public sealed record FrontierPoint
{
    /// <summary>Of the settings.</summary>
    public required string Name { get; init; }

    public required string Mode { get; init; }

    public int? K { get; init; }

    public required string Precision { get; init; }

    public required IReadOnlyDictionary<string, string> Options { get; init; }

    /// <summary>Seconds; median of the repeats, ± twice the noise.</summary>
    public required Estimate Cost { get; init; }

    /// <summary>Bits per byte, mean over the domains; less is better. The same text for every point, so there
    /// is no sampling noise between points.</summary>
    public required double BitsPerByte { get; init; }

    public required IReadOnlyDictionary<string, double> BitsPerByteOfDomains { get; init; }

    /// <summary>Geometric mean over the domains, if the run has it.</summary>
    public double? Perplexity { get; init; }

    /// <summary>No point costs less and is as good, or costs as much and is better.</summary>
    public required bool OnFrontier { get; init; }

    /// <summary>Domains on whose own frontier it is.</summary>
    public required IReadOnlyList<string> OnFrontierOf { get; init; }

    /// <summary>Points whose cost cannot be told from this one's: the difference is within twice the noise.</summary>
    public required IReadOnlyList<string> CostsAlike { get; init; }
}
