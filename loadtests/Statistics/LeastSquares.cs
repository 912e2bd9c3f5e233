using Btx.LoadTests.Records;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace Btx.LoadTests.Statistics;

/// <summary>Weighted linear least squares, solved by orthogonal decomposition.</summary>
public sealed class LeastSquares
{
    private readonly Matrix<double> inverse; // of R: the covariance is inverse · inverseᵀ · variance

    private LeastSquares(double[] coefficients, Matrix<double> inverse, double[] fitted, double[] residuals, double variance, double r2)
    {
        (Coefficients, this.inverse, Fitted, Residuals, Variance, R2) = (coefficients, inverse, fitted, residuals, variance, r2);
    }

    public IReadOnlyList<double> Coefficients { get; }

    public IReadOnlyList<double> Fitted { get; }

    /// <summary>Measured minus fitted.</summary>
    public IReadOnlyList<double> Residuals { get; }

    /// <summary>Residual variance of a value of weight 1; NaN without degrees of freedom.</summary>
    public double Variance { get; }

    /// <summary>Share of the weighted variance about the mean that the model explains; 1 for
    /// values without variance that are met.</summary>
    public double R2 { get; }

    public int DegreesOfFreedom => Residuals.Count - Coefficients.Count;

    /// <summary>y = a + b·x.</summary>
    public static LeastSquares Line(IReadOnlyList<double> x, IReadOnlyList<double> y, IReadOnlyList<double>? weights = null) =>
        Fit([.. x.Select(v => new[] { 1, v })], y, weights);

    /// <param name="rows">What each value is explained by; a column of ones for a constant.</param>
    /// <param name="weights">Inverse variances up to a factor; all 1 unless given.</param>
    /// <exception cref="ArgumentException">Fewer values than coefficients, or columns that depend on each other.</exception>
    public static LeastSquares Fit(IReadOnlyList<double[]> rows, IReadOnlyList<double> y, IReadOnlyList<double>? weights = null)
    {
        int n = rows.Count, p = n == 0 ? 0 : rows[0].Length;
        if (n < p || p == 0) throw new ArgumentException($"{n} values for {p} coefficients");
        var roots = Vector<double>.Build.Dense(n, i => Math.Sqrt(weights?[i] ?? 1));
        var a = Matrix<double>.Build.Dense(n, p, (i, j) => roots[i] * rows[i][j]);
        var qr = a.QR(QRMethod.Thin);
        for (var j = 0; j < p; j++)
        {
            if (!(Math.Abs(qr.R[j, j]) > 1e-10 * a.Column(j).L2Norm())) throw new ArgumentException("columns that depend on each other");
        }

        var inverse = qr.R.Inverse();
        var coefficients = qr.Solve(Vector<double>.Build.Dense(n, i => roots[i] * y[i])).ToArray();
        double[] fitted = [.. rows.Select(r => r.Zip(coefficients, (v, c) => v * c).Sum())],
            residuals = [.. y.Zip(fitted, (v, f) => v - f)];
        double total = 0, left = 0, sumWeights = 0, mean = 0;
        for (var i = 0; i < n; i++) sumWeights += weights?[i] ?? 1;
        for (var i = 0; i < n; i++) mean += (weights?[i] ?? 1) * y[i] / sumWeights;
        for (var i = 0; i < n; i++)
        {
            left += (weights?[i] ?? 1) * residuals[i] * residuals[i];
            total += (weights?[i] ?? 1) * (y[i] - mean) * (y[i] - mean);
        }

        return new(coefficients, inverse, fitted, residuals, n > p ? left / (n - p) : double.NaN,
            total > 0 ? 1 - (left / total) : left == 0 ? 1 : 0);
    }

    /// <summary>A coefficient with its 95 % interval by Student's t; none without degrees of freedom.</summary>
    public Estimate Coefficient(int i) => Interval(Coefficients[i], Math.Sqrt(Norm([.. Coefficients.Select((_, j) => j == i ? 1.0 : 0)])));

    /// <summary>Standard error of a coefficient.</summary>
    public double StandardError(int i) => Math.Sqrt(Variance * Norm([.. Coefficients.Select((_, j) => j == i ? 1.0 : 0)]));

    /// <summary>The model's value at a row, with the 95 % interval of that value (not of a measurement there).</summary>
    public Estimate At(params double[] row) => Interval(row.Zip(Coefficients, (v, c) => v * c).Sum(), Math.Sqrt(Norm(row)));

    private Estimate Interval(double value, double factor)
    {
        if (DegreesOfFreedom < 1) return new Estimate(value, null, null, Residuals.Count);
        var half = StudentT.InvCDF(0, 1, DegreesOfFreedom, 0.975) * Math.Sqrt(Variance) * factor;
        return new Estimate(value, value - half, value + half, Residuals.Count);
    }

    // Squared length of inverseᵀ · row: the variance of row · coefficients where the residual variance is 1.
    private double Norm(double[] row) => Math.Pow(inverse.TransposeThisAndMultiply(Vector<double>.Build.Dense(row)).L2Norm(), 2);
}
