namespace Btx.LoadTests.Records;

/// <summary>A figure with its 95 % confidence interval; <see cref="Low"/> and <see cref="High"/> are null
/// where too few values were seen for one.</summary>
/// <param name="Count">Values that it is made of.</param>
public sealed record Estimate(double Value, double? Low, double? High, int Count);
