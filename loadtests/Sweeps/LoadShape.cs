using Btx.LoadTests.Load;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>What all points of a sweep have in common: the requests and the bounds.</summary>
internal sealed record LoadShape
{
    public required PromptTexts Texts { get; init; }

    public required DomainMix Mix { get; init; }

    public required ILengths Prompts { get; init; }

    public required ILengths Outputs { get; init; }

    public required LoadBounds Bounds { get; init; }

    /// <summary>Seconds of load that a server gets when it has been started, before its first point: it compiles and maps as it runs.</summary>
    public required double HeatSeconds { get; init; }

    public required int Seed { get; init; }

    public ServiceObjective? Objective { get; init; }

    /// <summary>Open loops arrive as a Poisson process.</summary>
    public static IArrivals Arrivals(PointSettings settings) => settings.Rate is { } rate ? new PoissonArrivals(rate) : new ClosedArrivals(settings.Concurrency ?? 1);

    /// <summary>The same requests for all points of a repeat, others in the next; the reference point always gets the same.</summary>
    public int SeedOf(PlannedPoint point) => point.Reference ? Seed : Seed + 1 + point.Repeat;
}
