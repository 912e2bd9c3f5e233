using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Tests.Statistics;

public sealed class LeastSquaresTests
{
    // Anscombe's first set, whose fit is in many books.
    private static readonly double[] X = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5], Y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84,
        4.82, 5.68];

    [Fact]
    public void A_line_of_the_books()
    {
        var fit = LeastSquares.Line(X, Y);
        Assert.Equal(3.0000909, fit.Coefficients[0], 1e-7);
        Assert.Equal(0.5000909, fit.Coefficients[1], 1e-7);
        Assert.Equal(3.0000909 - (2.2621572 * 1.1247468), fit.Coefficient(0).Low!.Value, 1e-6);
        Assert.Equal(0.6665425, fit.R2, 1e-7);
        Assert.Equal(1.2366033, Math.Sqrt(fit.Variance), 1e-7);
        var slope = fit.Coefficient(1);
        Assert.Equal(0.5000909 - (2.2621572 * 0.1179055), slope.Low!.Value, 1e-6);
        Assert.Equal(0.5000909 + (2.2621572 * 0.1179055), slope.High!.Value, 1e-6);

        // At the mean of x the model's standard error is s / sqrt(n).
        var middle = fit.At(1, 9);
        Assert.Equal(Y.Average(), middle.Value, 1e-12);
        Assert.Equal(2.2621572 * 1.2366033 / Math.Sqrt(11), middle.High!.Value - middle.Value, 1e-6);
    }

    [Fact]
    public void A_weight_is_that_many_values()
    {
        var weighted = LeastSquares.Line([1, 2, 4], [3, 4, 9], [1, 3, 2]);
        var repeated = LeastSquares.Line([1, 2, 2, 2, 4, 4], [3, 4, 4, 4, 9, 9]);
        Assert.Equal(repeated.Coefficients[0], weighted.Coefficients[0], 1e-12);
        Assert.Equal(repeated.Coefficients[1], weighted.Coefficients[1], 1e-12);
        Assert.Equal(repeated.R2, weighted.R2, 1e-12);
    }

    [Fact]
    public void Three_columns_far_from_the_origin_are_found()
    {
        var rows = Enumerable.Range(0, 20).Select(i => new[] { 1, 1e4 + i, i * i % 7 }).ToArray();
        var fit = LeastSquares.Try(rows, [.. rows.Select(r => 2 - (3 * r[1]) + (0.5 * r[2]))])!;
        Assert.Equal(2, fit.Coefficients[0], 1e-5);
        Assert.Equal(-3, fit.Coefficients[1], 1e-9);
        Assert.Equal(0.5, fit.Coefficients[2], 1e-9);
        Assert.Equal(1, fit.R2, 1e-9);
    }

    [Fact]
    public void Nineteen_of_twenty_intervals_hold_the_true_slope()
    {
        var random = new Random(8);
        var held = 0;
        for (var trial = 0; trial < 1000; trial++)
        {
            double[] x = [1, 2, 3, 4], y = [.. x.Select(v =>
                5 + (2 * v) + (0.1 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
            var slope = LeastSquares.Line(x, y).Coefficient(1);
            if (slope.Low <= 2 && 2 <= slope.High) held++;
        }

        Assert.InRange(held, 930, 970);
    }

    [Fact]
    public void As_many_values_as_coefficients_have_no_interval_and_fewer_are_refused()
    {
        var exact = LeastSquares.Line([1, 2], [3, 5]);
        Assert.Equal(2, exact.Coefficients[1], 1e-12);
        Assert.Null(exact.Coefficient(1).Low);
        Assert.Throws<ArgumentException>(() => LeastSquares.Line([1], [3]));
        Assert.Throws<ArgumentException>(() => LeastSquares.Line([2, 2, 2], [3, 4, 5]));
    }

    [Fact]
    public void A_bend_is_told_from_scatter()
    {
        double[] x = [1, 1, 2, 2, 3, 3, 4, 4], bent = [1.0, 1.1, 2.0, 2.1, 3.0, 3.1, 8.0, 8.1], straight = [1.0, 1.2, 2.1, 1.9, 2.9,
            3.1, 4.2, 3.9];
        Assert.True(LackOfFit.Test(LeastSquares.Line(x, bent), x, bent)!.Value.P < 0.001);
        Assert.True(LackOfFit.Test(LeastSquares.Line(x, straight), x, straight)!.Value.P > 0.1);
        double[] once = [1, 2, 3], line = [1, 2, 4];
        Assert.Null(LackOfFit.Test(LeastSquares.Line(once, line), once, line));

        // By hand: places 1, 2, 3 of two values each; fit y = 2x, misfit 4/3 on one degree of freedom, repeats 6 on three.
        double[] places = [1, 1, 2, 2, 3, 3], values = [1, 3, 3, 5, 6, 8];
        var fit = LeastSquares.Line(places, values);
        var expected = values.Zip(fit.Fitted, (v, f) => (v - f) * (v - f)).Sum() - 6;
        Assert.Equal(expected / 2, LackOfFit.Test(fit, places, values)!.Value.F, 1e-9);
    }
}
