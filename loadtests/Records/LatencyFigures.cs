namespace Btx.LoadTests.Records;

/// <summary>The distribution of one latency, seconds.</summary>
public sealed record LatencyFigures(Estimate P50, Estimate P90, Estimate P99, double Mean, double Max);
