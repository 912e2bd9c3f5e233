namespace Btx.Model.Forests;

/// <summary>One model that a branch was averaged from, and its share. <c>seed</c> names the seed model, never an expert.</summary>
/// <param name="Sha256">Of its weight files (hex): who is meant, whoever had the name before or
/// has it now; null: only the name is known.</param>
public sealed record ParentEntry(string Name, double Weight, string? Sha256 = null);
