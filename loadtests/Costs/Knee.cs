namespace Btx.LoadTests.Costs;

/// <summary>Where more load brings waiting instead of throughput.</summary>
/// <param name="Load">On the curve's own axis.</param>
/// <param name="Low">The measured load below it; 0 if the first one was beyond it.</param>
/// <param name="High">The measured load above it.</param>
/// <param name="RequestsPerSecond">Throughput there.</param>
/// <param name="Method">In words.</param>
public sealed record Knee(double Load, double Low, double High, double RequestsPerSecond, string Method);
