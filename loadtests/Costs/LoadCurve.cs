using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>One model under growing load.</summary>
public sealed record LoadCurve
{
    public required string Mode { get; init; }

    public int? K { get; init; }

    public required string Precision { get; init; }

    public required IReadOnlyDictionary<string, string> Options { get; init; }

    /// <summary><c>open</c>: the load is requests a second; <c>closed</c>: requests in flight.</summary>
    public required string Load { get; init; }

    /// <summary>In ascending order of load; two or more.</summary>
    public required IReadOnlyList<LoadCurvePoint> Points { get; init; }

    /// <summary>Null if it was not reached or cannot be told.</summary>
    public Knee? Knee { get; init; }

    /// <summary>What was found, in a sentence, whether or not there is a knee.</summary>
    public required string Finding { get; init; }
}

/// <summary>Medians of the repeats with the smallest and the largest; seconds.</summary>
/// <param name="Load">Requests offered a second (as they really fell due), or requests in flight.</param>
/// <param name="RequestsPerSecond">Achieved.</param>
/// <param name="Failed">Share of requests that failed.</param>
/// <param name="Saturated">Achieved less than 95 % of what was offered; always false in the closed loop.</param>
public sealed record LoadCurvePoint(
    string Name, double Load, Estimate RequestsPerSecond, Estimate TokensPerSecond, Estimate? TimeToFirstTokenP50,
    Estimate? TimeToFirstTokenP99, Estimate? InterTokenP50,
    Estimate? EndToEndP50, Estimate? EndToEndP99, double Failed, bool Saturated);
