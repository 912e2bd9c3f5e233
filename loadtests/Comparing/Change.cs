using System.Text.Json.Serialization;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Comparing;

/// <summary>One figure in both runs.</summary>
public sealed record Change
{
    /// <summary>Name of the settings, of the line (<c>a + b·k, concurrency 4, fp32</c>) or of the model (<c>top_k:k=2@fp32</c>).</summary>
    public required string Of { get; init; }

    public required string Metric { get; init; }

    public required string Unit { get; init; }

    /// <summary>Geometric mean of the first run's repeats; of shares the mean.</summary>
    public required double First { get; init; }

    public required double Second { get; init; }

    /// <summary>Second over first with its 95 % interval, which is not corrected for the number of comparisons. Null where a ratio says
    /// nothing: shares, coefficients about zero.</summary>
    public Estimate? Ratio { get; init; }

    /// <summary>Chance of a difference as large if nothing had changed; null if nothing was measured twice.</summary>
    public double? P { get; init; }

    /// <summary><see cref="P"/> corrected for the number of comparisons (Holm).</summary>
    public double? AdjustedP { get; init; }

    /// <summary>Of the rank test (Mann-Whitney), which needs four repeats on each side and assumes no
    /// distribution; beside, not in, the verdict.</summary>
    public double? RankP { get; init; }

    public required int FirstRepeats { get; init; }

    public required int SecondRepeats { get; init; }

    /// <summary>One of <see cref="Comparing.Verdict"/>.</summary>
    public string Verdict { get; init; } = Comparing.Verdict.CannotTell;

    /// <summary>More of it is better.</summary>
    [JsonIgnore]
    public bool MoreIsBetter { get; init; }
}
