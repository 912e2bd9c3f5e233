using Btx.LoadTests.Records;

namespace Btx.LoadTests.Statistics;

/// <summary>Weighted linear least squares, solved by orthogonal decomposition (Householder).</summary>
public sealed class LeastSquares
{
    private readonly double[,] inverse; // of R: the covariance is inverse · inverseᵀ · variance

    private LeastSquares(double[] coefficients, double[,] inverse, double[] fitted, double[] residuals, double variance, double r2)
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
        var a = new double[n, p + 1];
        for (var i = 0; i < n; i++)
        {
            var root = Math.Sqrt(weights?[i] ?? 1);
            for (var j = 0; j < p; j++) a[i, j] = root * rows[i][j];
            a[i, p] = root * y[i];
        }

        for (var j = 0; j < p; j++) Reflect(a, n, p, j);
        var inverse = Inverse(a, p);
        var coefficients = new double[p];
        for (var i = 0; i < p; i++)
            for (var j = i; j < p; j++) coefficients[i] += inverse[i, j] * a[j, p];

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
        var half = Distributions.StudentQuantile(0.975, DegreesOfFreedom) * Math.Sqrt(Variance) * factor;
        return new Estimate(value, value - half, value + half, Residuals.Count);
    }

    // Squared length of inverseᵀ · row: the variance of row · coefficients where the residual variance is 1.
    private double Norm(double[] row)
    {
        var sum = 0.0;
        for (var j = 0; j < row.Length; j++)
        {
            var entry = 0.0;
            for (var i = 0; i <= j; i++) entry += inverse[i, j] * row[i];
            sum += entry * entry;
        }

        return sum;
    }

    // Zeroes column j below the diagonal, in all columns from j on and in the right-hand side.
    private static void Reflect(double[,] a, int n, int p, int j)
    {
        double norm = 0, all = 0;
        for (var i = 0; i < n; i++) all += a[i, j] * a[i, j];
        for (var i = j; i < n; i++) norm += a[i, j] * a[i, j];
        if (!(norm > 1e-20 * all)) throw new ArgumentException("columns that depend on each other");
        var alpha = a[j, j] > 0 ? -Math.Sqrt(norm) : Math.Sqrt(norm);
        var v = new double[n];
        for (var i = j; i < n; i++) v[i] = a[i, j];
        v[j] -= alpha;
        var square = v.Sum(x => x * x);
        for (var column = j; column <= p; column++)
        {
            var dot = 0.0;
            for (var i = j; i < n; i++) dot += v[i] * a[i, column];
            for (var i = j; i < n; i++) a[i, column] -= 2 * dot / square * v[i];
        }
    }

    private static double[,] Inverse(double[,] r, int p)
    {
        var inverse = new double[p, p];
        for (var j = 0; j < p; j++)
        {
            inverse[j, j] = 1 / r[j, j];
            for (var i = j - 1; i >= 0; i--)
            {
                var sum = 0.0;
                for (var t = i + 1; t <= j; t++) sum += r[i, t] * inverse[t, j];
                inverse[i, j] = -sum / r[i, i];
            }
        }

        return inverse;
    }
}
