using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <param name="Name">Of the settings.</param>
/// <param name="Batch">Mean tokens a decode step.</param>
/// <param name="K">Experts a token.</param>
/// <param name="Experts">E: how many there are.</param>
/// <param name="Distinct">Measured: mean distinct experts a decode step; median of the repeats with the smallest and the largest.</param>
/// <param name="Formula">E·(1 - (1 - k/E)^batch): tokens that choose independently and evenly.</param>
/// <param name="Seconds">Of a decode step, likewise.</param>
/// <param name="Fitted">By the fit; null without one.</param>
/// <param name="FormulaHolds">Measured and formula differ by no more than the tolerance.</param>
public sealed record UnionPoint(string Name, double Batch, int K, int Experts, Estimate Distinct, double Formula, Estimate Seconds,
    double? Fitted, bool FormulaHolds);
