namespace Btx.LoadTests.Planning;

/// <summary>What the plan leaves free.</summary>
/// <param name="Utilisation">Highest share of time that a device may be busy.</param>
/// <param name="MemoryShare">Share of memory that may be used.</param>
/// <param name="Slots">Requests at a time that a server has caches for.</param>
public sealed record ServiceRules(double Utilisation = 0.7, double MemoryShare = 0.9, int Slots = 16);
