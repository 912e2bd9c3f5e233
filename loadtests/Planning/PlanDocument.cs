namespace Btx.LoadTests.Planning;

/// <summary>What <c>plan --json</c> writes.</summary>
public sealed record PlanDocument(CapacityPlan? Plan, PlanCheck? Check);
