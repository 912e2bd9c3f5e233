using System.Runtime.ExceptionServices;

namespace Btx.Model.Moe;

/// <summary>Routers fitted to hidden states.</summary>
/// <param name="Weights">By layer [N·d], row-major.</param>
/// <param name="Scales">By layer, see <see cref="RouterScale"/>.</param>
/// <param name="Accuracy">By layer: share of the sampled states whose largest logit is that of
/// their own domain; each domain weighs alike.</param>
public sealed record RouterFit(float[][] Weights, double[] Scales, double[] Accuracy)
{
    /// <param name="init"><see cref="RouterInit.Centroid"/> or <see cref="RouterInit.Ridge"/>.</param>
    /// <param name="experts">N of the BTX model: those after the domains of the statistics stand for no domain and
    /// get a row of 0, the logit of no evidence.</param>
    /// <param name="threads">At most; 1: the caller's own.</param>
    public static RouterFit Of(string init, RouterStatistics statistics, int experts, double lambda, int threads = -1)
    {
        var layers = statistics.Domains[0].Layers.Count;
        var (weights, scales, accuracy) = (new float[layers][], new double[layers], new double[layers]);
        void Layer(int l)
        {
            LayerStatistics[] domains = [.. statistics.Domains.Select(d => d.Layers[l])];
            var d = domains[0].Sum.Length;
            var rows = init == RouterInit.Ridge ? RidgeRouter.Fit(domains, lambda) : CentroidRouter.Fit(domains);
            double[][] logits = [.. domains.Select(s => Logits(rows, s.Sample, domains.Length, d))];
            scales[l] = RouterScale.Fit(logits);
            accuracy[l] = logits.Select((a, j) => Correct(a, j, domains.Length)).Average();
            weights[l] = new float[(long)experts * d];
            for (var i = 0; i < rows.Length; i++) weights[l][i] = (float)(scales[l] * rows[i]);
        }

        try
        {
            for (var l = 0; threads == 1 && l < layers; l++) Layer(l);
            if (threads != 1) Parallel.For(0, layers, new ParallelOptions { MaxDegreeOfParallelism = threads }, Layer);
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        return weights.All(w => w.All(float.IsFinite))
            ? new RouterFit(weights, scales, accuracy)
            : throw new BtxException($"--router-init {init} gives weights that are not finite; the hidden states are degenerate");
    }

    // [states, N]
    private static double[] Logits(double[] rows, float[] states, int n, int d)
    {
        var logits = new double[states.Length / d * n];
        for (var t = 0; t < states.Length / d; t++)
        {
            for (var j = 0; j < n; j++)
            {
                double sum = 0;
                for (var i = 0; i < d; i++) sum += rows[(j * d) + i] * states[(t * d) + i];
                logits[(t * n) + j] = sum;
            }
        }

        return logits;
    }

    private static double Correct(double[] logits, int domain, int n)
    {
        var (right, states) = (0, logits.Length / n);
        for (var t = 0; t < states; t++)
        {
            var best = 0;
            for (var j = 1; j < n; j++)
                if (logits[(t * n) + j] > logits[(t * n) + best]) best = j;

            if (best == domain) right++;
        }

        return states == 0 ? 0 : (double)right / states;
    }
}

/// <summary>The s that makes softmax(s·W x) the best guess of a state's domain: it minimises the mean cross-entropy, which is convex in s
/// (temperature scaling, arXiv 1706.04599, section 4.2). Newton's method on one variable, kept inside a shrinking bracket.</summary>
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
