namespace Btx.LoadTests.Costs;

/// <summary>How much a figure varies from one measurement of the same settings to the next.</summary>
/// <param name="Metric">Name of a <see cref="CostMetric"/>.</param>
/// <param name="RelativeDeviation">Standard deviation of its logarithm: 0.02 is 2 %.</param>
/// <param name="DegreesOfFreedom">Measurements less their settings.</param>
/// <param name="Source"><c>reference</c>: the point that is measured again and again, which sees the whole run's drift; <c>repeats</c>: all
/// closed-loop points' repeats together (all points' in a run without).</param>
public sealed record NoiseFigure(string Metric, double RelativeDeviation, int DegreesOfFreedom, string Source);
