using Btx.Model.Moe;

namespace Btx.Model.Tests.Moe;

public sealed class RouterFitTests
{
    [Fact]
    public void Ridge_solves_the_least_squares_of_centred_labels()
    {
        const int d = 5, n = 3;
        const double lambda = 0.01;
        var random = new Random(1);
        int[] counts = [40, 25, 90]; // each domain weighs alike all the same
        var states = counts.Select((c, j) => Enumerable.Range(0, c).Select(_ =>
            Enumerable.Range(0, d).Select(i => (random.NextDouble() * 2) - 1 + (i == j ? 0.7 : 0.2)).ToArray()).ToArray()).ToArray();
        var rows = RidgeRouter.Fit([.. states.Select(s => Sums(s, []))], lambda);

        // The same from the states themselves: minimise over W by Gauss-Jordan elimination of the weighted normal equations.
        var trace = states.Select(s => s.Average(x => x.Sum(v => v * v))).Average();
        for (var label = 0; label < n; label++)
        {
            var system = new double[d, d + 1];
            for (var j = 0; j < n; j++)
            {
                foreach (var x in states[j])
                {
                    var (weight, y) = (1.0 / (n * counts[j]), (j == label ? 1.0 : 0.0) - (1.0 / n));
                    for (var a = 0; a < d; a++)
                    {
                        for (var b = 0; b < d; b++) system[a, b] += weight * x[a] * x[b];
                        system[a, d] += weight * x[a] * y;
                    }
                }
            }

            for (var a = 0; a < d; a++) system[a, a] += lambda * trace / d;
            for (var p = 0; p < d; p++)
            {
                var pivot = system[p, p];
                for (var c = 0; c <= d; c++) system[p, c] /= pivot;
                for (var r = 0; r < d; r++)
                {
                    var factor = system[r, p];
                    if (r == p) continue;
                    for (var c = 0; c <= d; c++) system[r, c] -= factor * system[p, c];
                }
            }

            for (var a = 0; a < d; a++) Assert.Equal(system[a, d], rows[(label * d) + a], 1e-5); // sums are stored as fp32
        }

        for (var a = 0; a < d; a++) Assert.Equal(0, rows[a] + rows[d + a] + rows[(2 * d) + a], 1e-12);
    }

    [Fact]
    public void Cholesky_solves_exactly_and_refuses_what_is_singular()
    {
        double[] matrix = [4, 2, 2, 2, 5, 3, 2, 3, 6];
        double[] x = [1, -2, 3], b = [(4 * 1) - 4 + 6, 2 - 10 + 9, 2 - 6 + 18];
        new CholeskyFactor([.. matrix], 3).Solve(b);
        for (var i = 0; i < 3; i++) Assert.Equal(x[i], b[i], 1e-12);
        Assert.Contains("second moments are singular",
            Assert.Throws<Btx.Model.BtxException>(() => new CholeskyFactor([1, 1, 1, 1], 2)).Message);
    }

    [Fact]
    public void Centroids_are_unit_offsets_from_the_mean()
    {
        var rows = CentroidRouter.Fit([Sums([[1, 0], [3, 0]], []), Sums([[0, 4]], [])]); // means (2, 0) and (0, 4), their mean (1, 2)
        double length = Math.Sqrt(5);
        double[] expected = [1 / length, -2 / length, -1 / length, 2 / length];
        for (var i = 0; i < 4; i++) Assert.Equal(expected[i], rows[i], 1e-12);
    }

    [Fact]
    public void The_scale_minimises_the_cross_entropy()
    {
        var random = new Random(2);
        double[][] logits = [.. Enumerable.Range(0, 3).Select(j => Enumerable.Range(0, 300)
            .SelectMany(_ => Enumerable.Range(0, 3).Select(i => (i == j ? 0.3 : 0) + (0.4 * (random.NextDouble() - 0.5)))).ToArray())];
        var scale = RouterScale.Fit(logits);
        Assert.InRange(scale, 1, 100);
        Assert.True(CrossEntropy(logits, scale) < CrossEntropy(logits, scale * 1.001));
        Assert.True(CrossEntropy(logits, scale) < CrossEntropy(logits, scale * 0.999));
    }

    [Fact]
    public void The_scale_is_bounded_where_states_separate_exactly_and_1_where_they_say_nothing()
    {
        Assert.InRange(RouterScale.Fit([[1, 0, 1, 0], [0, 1]]), 20, 60);
        Assert.Equal(1, RouterScale.Fit([[0, 0], [0, 0]]));
        Assert.True(RouterScale.Fit([[0, 1], [1, 0]]) is > 0 and < 1e-6); // worse than chance: as good as uniform
    }

    [Theory]
    [InlineData("ridge")]
    [InlineData("centroid")]
    public void Domains_that_are_apart_are_told_apart_by_the_largest_logit(string init)
    {
        var random = new Random(3);
        double[] State(int domain) => [.. Enumerable.Range(0, 8).Select(i => (i == domain ? 2.0 : 0) + (random.NextDouble() - 0.5))];
        var statistics = new RouterStatistics("own", 0, [.. Enumerable.Range(0, 4).Select(j => new DomainStatistics($"d{j}", "", "",
            [Sums([.. Enumerable.Range(0, 50 + (20 * j)).Select(_ => State(j))], [.. Enumerable.Range(0, 60).Select(_ => State(j))])]))]);
        var fit = RouterFit.Of(init, statistics, experts: 5, lambda: 1e-3);
        Assert.Equal(1, fit.Accuracy[0]);
        Assert.All(fit.Weights[0][(4 * 8)..], w => Assert.Equal(0, w)); // the fifth stands for no domain
        var right = 0;
        for (var t = 0; t < 400; t++)
        {
            var x = State(t % 4);
            var logits = Enumerable.Range(0, 5).Select(j => x.Select((v, i) => v * fit.Weights[0][(j * 8) + i]).Sum()).ToArray();
            if (Array.IndexOf(logits, logits.Max()) == t % 4) right++;
        }

        Assert.Equal(400, right);
    }

    private static double CrossEntropy(double[][] logits, double s)
    {
        var n = logits.Length;
        return logits.Select((rows, j) => rows.Chunk(n).Average(a => Math.Log(a.Sum(v => Math.Exp(s * v))) - (s * a[j]))).Average();
    }

    private static LayerStatistics Sums(double[][] states, double[][] sample)
    {
        var d = states[0].Length;
        return new(
            states.Length,
            [.. Enumerable.Range(0, d).Select(i => (float)states.Sum(x => x[i]))],
            [.. Enumerable.Range(0, d * d).Select(i => (float)states.Sum(x => x[i / d] * x[i % d]))],
            [.. sample.SelectMany(x => x.Select(v => (float)v))]);
    }
}
