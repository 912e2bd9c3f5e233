using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <param name="Intercept">a: seconds that no expert takes.</param>
/// <param name="Slope">b: seconds for one expert more.</param>
/// <param name="R2">Share of the (weighted) variance that the line explains.</param>
/// <param name="MisfitP">Chance of a misfit as large as this beside the repeats' scatter if the line were right; null
/// without repeats or with two places only.</param>
/// <param name="From">Smallest k that it was fitted to.</param>
/// <param name="To">Largest.</param>
public sealed record LineFigures(Estimate Intercept, Estimate Slope, double R2, double? MisfitP, double From, double To)
{
    public double At(double x) => Intercept.Value + (Slope.Value * x);
}
