namespace Btx.Model.Registry;

/// <summary>How much of what a removal names is left in an expert that stays.</summary>
/// <param name="Expert">The survivor.</param>
/// <param name="Status">Its status after the removal.</param>
/// <param name="Share">Residual ancestry in all that is named, 0..1: lineage paths are counted up to the first that they meet.</param>
/// <param name="ByAncestor">Residual ancestry in each that is named; those of 0 are left out.</param>
public sealed record SurvivorResidual(string Expert, string Status, double Share, IReadOnlyDictionary<string, double> ByAncestor);
