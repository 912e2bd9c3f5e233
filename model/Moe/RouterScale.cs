namespace Btx.Model.Moe;

/// <summary>
/// The s that makes softmax(s·W x) the best guess of a state's domain: it minimises the mean cross-entropy, which is convex in s
/// (temperature scaling, arXiv 1706.04599, section 4.2). Newton's method on one variable, kept inside a shrinking bracket.
/// </summary>
public static class RouterScale
{
    // Beyond this ratio of the largest to a typical logit difference a softmax is one-hot in fp32;
    // states that separate exactly would ask for infinity.
    private const double SharpestLogit = 30;
    private const int Steps = 100;

    /// <param name="logits">Of one domain each: [states, N], row-major, of states that belong to domain j at place j.</param>
    /// <returns>s > 0; 1 where the logits say nothing.</returns>
    public static double Fit(IReadOnlyList<double[]> logits)
    {
        var n = logits.Count;
        var typical = Math.Sqrt(logits.Where(l => l.Length > 0).Select(l => l.Sum(v => v * v) / l.Length).DefaultIfEmpty(0).Average());
        if (typical == 0 || n < 2) return 1;
        double low = 0, high = SharpestLogit / typical, s = 1 / typical;
        for (var step = 0; step < Steps; step++)
        {
            var (slope, curvature) = Slope(logits, n, s);
            if (slope > 0) high = s;
            else low = s;
            var next = s - (slope / curvature);
            if (!(next > low && next < high)) next = (low + high) / 2;
            if (Math.Abs(next - s) <= 1e-12 * s) return next;
            s = next;
        }

        return s;
    }

    // First and second derivative of the mean over domains of the mean over their states of −log softmax(s·a)[domain].
    private static (double Slope, double Curvature) Slope(IReadOnlyList<double[]> logits, int n, double s)
    {
        double slope = 0, curvature = 0;
        for (var domain = 0; domain < n; domain++)
        {
            var states = logits[domain].Length / n;
            for (var t = 0; t < states; t++)
            {
                var a = logits[domain].AsSpan(t * n, n);
                double largest = double.NegativeInfinity, sum = 0, mean = 0, square = 0;
                foreach (var v in a) largest = Math.Max(largest, s * v);
                foreach (var v in a)
                {
                    var p = Math.Exp((s * v) - largest);
                    (sum, mean, square) = (sum + p, mean + (p * v), square + (p * v * v));
                }

                mean /= sum;
                slope += (mean - a[domain]) / states;
                curvature += Math.Max(0, (square / sum) - (mean * mean)) / states;
            }
        }

        return (slope, curvature);
    }
}
