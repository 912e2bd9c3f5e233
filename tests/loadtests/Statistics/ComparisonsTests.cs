using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Tests.Statistics;

public sealed class ComparisonsTests
{
    [Fact]
    public void The_exact_test_counts_every_division_ties_included()
    {
        var random = new Random(4);
        for (var trial = 0; trial < 60; trial++)
        {
            int m = random.Next(1, 7), n = random.Next(1, 7);
            double[] first = [.. Enumerable.Range(0, m).Select(_ => (double)random.Next(6))],
                second = [.. Enumerable.Range(0, n).Select(_ => (double)random.Next(6))];
            var test = MannWhitney.Test(first, second);
            Assert.Equal(U(first, second), test.U);
            double[] pooled = [.. first, .. second];
            int extreme = 0, all = 0;
            for (var mask = 0; mask < 1 << (m + n); mask++)
            {
                if (int.PopCount(mask) != n) continue;
                all++;
                var u = U([.. pooled.Where((_, i) => (mask >> i & 1) == 0)], [.. pooled.Where((_, i) => (mask >> i & 1) == 1)]);
                if (Math.Abs(u - (m * n / 2.0)) >= Math.Abs(test.U - (m * n / 2.0))) extreme++;
            }

            Assert.Equal(extreme / (double)all, test.P, 1e-12);
        }

        static double U(double[] first, double[] second) => first.Sum(a => second.Sum(b => b > a ? 1 : b == a ? 0.5 : 0));
    }

    [Theory]
    [InlineData(3, 0.1)]
    [InlineData(4, 2 / 70.0)]
    [InlineData(5, 2 / 252.0)]
    public void Groups_that_lie_apart_have_the_smallest_p_there_is(int n, double p) =>
        Assert.Equal(p,
        MannWhitney.Test([.. Enumerable.Range(0, n).Select(i => (double)i)], [.. Enumerable.Range(10, n).Select(i => (double)i)]).P, 1e-12);

    [Fact]
    public void Large_groups_are_tested_as_small_ones()
    {
        double[] first = [.. Enumerable.Range(0, 25).Select(i => (double)i)];
        var one = MannWhitney.Test(first, [.. first.Select(v => v + 4.5)]);
        var more = MannWhitney.Test([.. first, 12], [.. first.Select(v => v + 4.5), 16.5]);
        Assert.InRange(more.P / one.P, 0.85, 1.15);
        Assert.Equal(1, MannWhitney.Test([.. Enumerable.Repeat(1.0, 40)], [.. Enumerable.Repeat(1.0, 40)]).P);
        Assert.Throws<ArgumentException>(() => MannWhitney.Test([], [1]));
    }

    // Critical values of U, two-sided 5 %, from the tables; the interval's rank is one more.
    [Theory]
    [InlineData(3, 3, -1)]
    [InlineData(3, 5, 0)]
    [InlineData(4, 4, 0)]
    [InlineData(5, 5, 2)]
    [InlineData(8, 8, 13)]
    [InlineData(10, 10, 23)]
    [InlineData(7, 12, 18)]
    [InlineData(20, 20, 127)]
    public void The_shifts_interval_has_the_tables_rank(int m, int n, int critical) => Assert.Equal(critical + 1, HodgesLehmann.Rank(m, n));

    [Fact]
    public void A_shift_is_found_with_its_interval()
    {
        double[] first = [1.1, 2.3, 2.9, 4.2, 5.0, 6.4], second = [.. first.Select(v => v + 10)];
        var shift = HodgesLehmann.Shift(first, second);
        Assert.Equal(10, shift.Value, 1e-12);
        Assert.True(shift.Low < 10 && shift.High > 10 && shift.Low > 0);
        Assert.Null(HodgesLehmann.Shift([1, 2, 3], [4, 5, 6]).Low);
        double[] many = [.. Enumerable.Range(0, 60).Select(i => i * 0.1)];
        var wide = HodgesLehmann.Shift(many, [.. many.Select(v => v + 1)]);
        Assert.True(wide.Low < 1 && wide.High > 1 && wide.Low > 0);
    }

    [Fact]
    public void Holm_steps_down()
    {
        double[] expected = [0.03, 0.06, 0.06, 0.02];
        Assert.All(expected.Zip(Holm.Adjust([0.01, 0.04, 0.03, 0.005])), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
        Assert.Equal([1.0, 1.0], Holm.Adjust([0.7, 0.9]));
        Assert.Empty(Holm.Adjust([]));
    }
}
