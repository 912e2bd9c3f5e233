namespace Btx.Bench.Mixture;

/// <summary>Least squares of y = A + F·k.</summary>
internal readonly record struct LineFit(double A, double F, double R2)
{
    /// <param name="y">At k = 1, 2, ….</param>
    public static LineFit Of(IReadOnlyList<double> y)
    {
        double n = y.Count, meanK = (n + 1) / 2, meanY = y.Average(), cross = 0, square = 0, total = 0;
        for (var i = 0; i < y.Count; i++)
        {
            cross += (i + 1 - meanK) * (y[i] - meanY);
            square += (i + 1 - meanK) * (i + 1 - meanK);
            total += (y[i] - meanY) * (y[i] - meanY);
        }

        var slope = cross / square;
        var intercept = meanY - (slope * meanK);
        var residual = y.Select((v, i) => v - intercept - (slope * (i + 1))).Sum(r => r * r);
        return new LineFit(intercept, slope, 1 - (residual / total));
    }
}
