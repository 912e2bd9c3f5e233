using MathNet.Numerics;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace Btx.LoadTests.Statistics;

/// <summary>Weighted linear least squares, solved by orthogonal decomposition.</summary>
/// <param name="Variance">Residual variance of a value of weight 1; NaN without degrees of freedom.</param>
/// <param name="R2">Share of the weighted variance about the mean that the model explains; 1 if values without variance are met.</param>
/// <param name="Inverse">Of R: the covariance is inverse · inverseᵀ · variance.</param>
public sealed record LeastSquares(IReadOnlyList<double> Coefficients, IReadOnlyList<double> Fitted, double Variance, double R2,
    Matrix<double> Inverse)
{
    private int Degrees => Fitted.Count - Coefficients.Count;

    /// <summary>y = a + b·x.</summary>
    public static LeastSquares Line(IReadOnlyList<double> x, IReadOnlyList<double> y, IReadOnlyList<double>? weights = null) =>
        Try([.. x.Select(v => new[] { 1, v })], y, weights) ?? throw new ArgumentException($"{y.Count} values at fewer than two places");

    /// <param name="rows">What each value is explained by; a column of ones for a constant.</param>
    /// <param name="weights">Inverse variances up to a factor; all 1 unless given.</param>
    /// <returns>Null: fewer values than coefficients, or columns that depend on each other.</returns>
    public static LeastSquares? Try(IReadOnlyList<double[]> rows, IReadOnlyList<double> y, IReadOnlyList<double>? weights = null)
    {
        int n = rows.Count, p = n == 0 ? 0 : rows[0].Length;
        if (n < p || p == 0) return null;
        var design = Matrix<double>.Build.DenseOfRowArrays(rows);
        var (values, weight) = (Vector<double>.Build.DenseOfEnumerable(y), Vector<double>.Build.Dense(n, i => weights?[i] ?? 1));
        var roots = weight.PointwiseSqrt();
        var weighted = Matrix<double>.Build.DenseOfDiagonalVector(roots) * design;
        var qr = weighted.QR(QRMethod.Thin);
        if (Enumerable.Range(0, p).Any(j => !(Math.Abs(qr.R[j, j]) > 1e-10 * weighted.Column(j).L2Norm()))) return null;
        var coefficients = qr.Solve(roots.PointwiseMultiply(values));
        var fitted = design * coefficients;
        var mean = weight.DotProduct(values) / weight.Sum();
        double left = weight.DotProduct((values - fitted).PointwisePower(2)), total = weight.DotProduct((values - mean).PointwisePower(2));
        var r2 = total > 0 ? 1 - (left / total) : left == 0 ? 1 : 0;
        return new(coefficients.AsArray(), fitted.AsArray(), n > p ? left / (n - p) : double.NaN, r2, qr.R.Inverse());
    }

    /// <summary>A coefficient with its 95 % interval by Student's t; none without degrees of freedom.</summary>
    public Estimate Coefficient(int i) => At([.. Coefficients.Select((_, j) => j == i ? 1.0 : 0)]);

    /// <summary>The model's value at a row, with the 95 % interval of that value (not of a measurement there).</summary>
    public Estimate At(params double[] row)
    {
        var value = row.Zip(Coefficients, (v, c) => v * c).Sum();
        if (Degrees < 1) return new Estimate(value, null, null, Fitted.Count);
        var error = Math.Sqrt(Variance) * Inverse.TransposeThisAndMultiply(Vector<double>.Build.Dense(row)).L2Norm();
        var half = StudentT.InvCDF(0, 1, Degrees, 0.975) * error;
        return new Estimate(value, value - half, value + half, Fitted.Count);
    }
}

/// <summary>F test of lack of fit: is the misfit larger than the scatter of repeats? (Draper &amp; Smith §1.5)</summary>
public readonly record struct LackOfFit(double F, double P)
{
    /// <summary>Null where no place has repeats or no place is left over for the model to miss.</summary>
    /// <param name="places">Of each value, in the order of the fit's values; equal places are repeats.</param>
    public static LackOfFit? Test<T>(LeastSquares fit, IReadOnlyList<T> places, IReadOnlyList<double> y,
        IReadOnlyList<double>? weights = null) where T : notnull
    {
        double repeats = 0, misfit = 0;
        var groups = Enumerable.Range(0, y.Count).GroupBy(i => places[i]).ToArray();
        foreach (var place in groups)
        {
            var mean = place.Average(i => y[i]);
            repeats += place.Sum(i => (weights?[i] ?? 1) * Math.Pow(y[i] - mean, 2));
            misfit += place.Sum(i => (weights?[i] ?? 1) * Math.Pow(mean - fit.Fitted[i], 2));
        }

        int above = groups.Length - fit.Coefficients.Count, below = y.Count - groups.Length;
        if (above < 1 || below < 1 || repeats <= 0) return null;
        var f = misfit / above / (repeats / below);
        return new(f, SpecialFunctions.BetaRegularized(below / 2.0, above / 2.0, below / (below + (above * f))));
    }
}
