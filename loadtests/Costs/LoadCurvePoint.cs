using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>Medians of the repeats with the smallest and the largest; seconds.</summary>
/// <param name="Load">Requests offered a second (as they really fell due), or requests in flight.</param>
/// <param name="RequestsPerSecond">Achieved.</param>
/// <param name="Failed">Share of requests that failed.</param>
/// <param name="Saturated">Achieved less than 95 % of what was offered; always false in the closed loop.</param>
public sealed record LoadCurvePoint(
    string Name, double Load, Estimate RequestsPerSecond, Estimate TokensPerSecond, Estimate? TimeToFirstTokenP50,
    Estimate? TimeToFirstTokenP99, Estimate? InterTokenP50,
    Estimate? EndToEndP50, Estimate? EndToEndP99, double Failed, bool Saturated);
