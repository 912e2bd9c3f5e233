using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <param name="Name">Of the settings: <see cref="PointSettings.Name"/>.</param>
/// <param name="K">Experts a token.</param>
/// <param name="Seconds">Median of the repeats; the bounds are the smallest and the largest.</param>
/// <param name="Fitted">By the line through all points, with the 95 % interval of the line.</param>
/// <param name="Deviation">Measured over what the trusted line says, less 1.</param>
/// <param name="Breaks">Farther from it than noise and tolerance allow.</param>
public sealed record CostLinePoint(string Name, double K, Estimate Seconds, Estimate Fitted, double Deviation, bool Breaks);
