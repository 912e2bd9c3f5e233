namespace Btx.LoadTests.Planning;

/// <summary>How many devices a load needs, for each number of experts.</summary>
public sealed record CapacityPlan
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    public required MachineSpec Machine { get; init; }

    public required PlannedLoad Load { get; init; }

    public required PlannedRouting Routing { get; init; }

    public required StepCosts Costs { get; init; }

    public required IReadOnlyList<ForestPlan> Forests { get; init; }

    /// <summary>A sentence each.</summary>
    public required IReadOnlyList<string> Assumptions { get; init; }
}
