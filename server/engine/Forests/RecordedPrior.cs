namespace Btx.Engine.Forests;

/// <summary>A cached prior as it was recorded. It leaves with the expert whose entry holds it.</summary>
/// <param name="Weights">By expert; those that are not served are dropped and the rest rescaled.</param>
internal sealed record RecordedPrior(string Domain, string Expert, IReadOnlyDictionary<string, double> Weights);
