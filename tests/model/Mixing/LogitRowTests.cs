using Btx.Model.Mixing;

namespace Btx.Model.Tests.Mixing;

public sealed class LogitRowTests
{
    private static double Reference(float[] logits)
    {
        var max = logits.Max(x => (double)x);
        return max + Math.Log(logits.Sum(x => Math.Exp(x - max)));
    }

    private static float[] Row(int seed, int n, double scale)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, n).Select(_ => (float)((random.NextDouble() - 0.5) * scale))];
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(1023)]
    [InlineData(1025)]
    [InlineData(2048)]
    [InlineData(151_643)]
    public void The_normaliser_equals_double_arithmetic(int n)
    {
        foreach (var scale in new[] { 0.0, 1, 30, 200, 1e4, 1e30 })
        {
            var row = Row(n, n, scale);
            // 1e-6 of the normalising sum, in logarithms, besides the rounding of the largest logit's own size.
            var reference = Reference(row);
            Assert.InRange(Math.Abs(LogitRow.LogNormaliser(row) - reference), 0, 1e-6 + (1e-7 * Math.Abs(reference)));
        }
    }

    [Theory]
    [InlineData(9)]
    [InlineData(2048)]
    public void Probabilities_equal_double_arithmetic_and_sum_to_the_weight(int n)
    {
        foreach (var scale in new[] { 1.0, 30, 150 })
        {
            var row = Row(n + 1, n, scale);
            var sum = new float[n];
            var normaliser = LogitRow.LogNormaliser(row);
            LogitRow.AddSoftmax(row, normaliser, 0.25, sum);
            var reference = Reference(row);
            for (var v = 0; v < n; v++)
            {
                var p = Math.Exp(row[v] - reference);
                Assert.InRange(Math.Abs(LogitRow.LogProbability(row, v) - Math.Log(p)), 0, 1e-6 * Math.Max(1, -Math.Log(p)));
                if (p > 1e-30) Assert.InRange(sum[v] / (0.25 * p), 1 - 1e-5, 1 + 1e-5);
            }

            Assert.Equal(0.25, sum.Sum(x => (double)x), 1e-6);
        }
    }

    [Fact]
    public void Of_large_logits_the_weight_is_not_rounded_away()
    {
        var sum = new float[9];
        float[] row = [1e8f, 1e8f, -1e8f, float.NegativeInfinity, 0, 1e8f, 3, 2, 1e8f];
        LogitRow.AddSoftmax(row, LogitRow.LogNormaliser(row), 0.3, sum);
        for (var v = 0; v < row.Length; v++) Assert.Equal(row[v] == 1e8f ? 0.3 / 4 : 0, sum[v], 1e-6);
    }

    [Fact]
    public void Mixing_adds_up_and_a_weight_of_zero_adds_nothing()
    {
        float[] a = Row(1, 100, 10), b = Row(2, 100, 10);
        var mixed = new float[100];
        LogitRow.AddSoftmax(a, LogitRow.LogNormaliser(a), 0.75, mixed);
        LogitRow.AddSoftmax(b, LogitRow.LogNormaliser(b), 0.25, mixed);
        var before = (float[])mixed.Clone();
        LogitRow.AddSoftmax(b, double.NaN, 0, mixed);
        Assert.Equal(before, mixed);
        for (var v = 0; v < 100; v++)
            Assert.Equal((0.75 * Math.Exp(a[v] - Reference(a))) + (0.25 * Math.Exp(b[v] - Reference(b))), mixed[v], 1e-6);
    }

    [Fact]
    public void Minus_infinity_is_probability_zero()
    {
        var row = Enumerable.Repeat(float.NegativeInfinity, 19).ToArray();
        Assert.Equal(double.NegativeInfinity, LogitRow.LogNormaliser(row));
        row[4] = 3;
        row[17] = 3;
        Assert.Equal(3 + Math.Log(2), LogitRow.LogNormaliser(row), 1e-6);
        Assert.Equal(double.NegativeInfinity, LogitRow.LogProbability(row, 0));
        var p = new float[19];
        LogitRow.AddSoftmax(row, LogitRow.LogNormaliser(row), 1, p);
        for (var v = 0; v < 19; v++) Assert.Equal(v is 4 or 17 ? 0.5 : 0, p[v], 1e-6);
    }

    [Fact]
    public void Huge_logits_do_not_overflow()
    {
        float[] row = [3e38f, 3e38f, -3e38f, 0, 0, 0, 0, 0, 0, 0];
        var p = new float[10];
        LogitRow.AddSoftmax(row, LogitRow.LogNormaliser(row), 1, p);
        Assert.DoesNotContain(p, x => !float.IsFinite(x));
        Assert.Equal(0, p[2]);
        Assert.True(p[0] > 0.4 && p[1] > 0.4, "the largest logits lost their mass");
    }

    [Fact]
    public void The_largest_is_found_at_every_place()
    {
        for (var n = 1; n < 40; n++)
        {
            for (var at = 0; at < n; at++)
            {
                var row = new float[n];
                Array.Fill(row, -5);
                row[at] = -1;
                Assert.Equal(-1, LogitRow.Max(row));
            }
        }

        Assert.Equal(float.NegativeInfinity, LogitRow.Max([]));
    }
}
