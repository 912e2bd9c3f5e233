using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;
using MathNet.Numerics.Distributions;

namespace Btx.LoadTests.Tests.Statistics;

public sealed class QuantileTests
{
    private static Estimate Of(IEnumerable<double> values, double p) => Quantile.OfOrdered([.. values.Order()], p);

    [Theory]
    [InlineData(0, 10)]
    [InlineData(0.5, 25)]
    [InlineData(0.9, 37)]
    [InlineData(1, 40)]
    public void Between_two_values_it_is_interpolated(double p, double value) =>
    Assert.Equal(value, Quantile.Value([10, 20, 30, 40], p), 1e-12);

    // Tables of the sign test's interval; the last from sums of exact fractions.
    [Theory]
    [InlineData(6, 0.5, 1, 6)]
    [InlineData(10, 0.5, 2, 9)]
    [InlineData(20, 0.5, 6, 15)]
    [InlineData(50, 0.5, 18, 33)]
    [InlineData(36, 0.9, 29, 36)]
    public void Ranks_are_those_of_the_tables(int n, double p, int low, int high) => Assert.Equal((low, high), Quantile.Ranks(n, p));

    [Theory]
    [InlineData(0.5, 6)]
    [InlineData(0.9, 36)]
    [InlineData(0.99, 368)]
    public void With_too_few_values_there_is_no_interval(double p, int needed)
    {
        Assert.Null(Quantile.Ranks(needed - 1, p));
        Assert.NotNull(Quantile.Ranks(needed, p));
        var few = Of(Enumerable.Range(0, needed - 1).Select(i => (double)i), p);
        Assert.Equal((null, null, needed - 1), (few.Low, few.High, few.Count));
        var enough = Of(Enumerable.Range(0, needed).Select(i => (double)i), p);
        Assert.True(enough.Low <= enough.Value && enough.Value <= enough.High);
    }

    [Fact]
    public void Ranks_leave_no_more_than_their_share_outside_and_are_the_narrowest_that_do()
    {
        foreach (var p in new[] { 0.1, 0.5, 0.9, 0.99 })
            for (var n = 1; n <= 700; n += 13)
            {
                if (Quantile.Ranks(n, p) is not var (low, high)) continue;
                Assert.True(Binomial.CDF(p, n, low - 1) <= 0.025 && Binomial.CDF(p, n, low) > 0.025);
                Assert.True(1 - Binomial.CDF(p, n, high - 1) <= 0.025 && 1 - Binomial.CDF(p, n, high - 2) > 0.025);
            }
    }

    [Theory]
    [InlineData(0.5, 50)]
    [InlineData(0.99, 1000)]
    public void Nineteen_of_twenty_intervals_hold_the_true_quantile(double p, int n)
    {
        var random = new Random(5);
        var held = 0;
        for (var trial = 0; trial < 1000; trial++)
        {
            var estimate = Of(Enumerable.Range(0, n).Select(_ => random.NextDouble()), p);
            if (estimate.Low <= p && p <= estimate.High) held++;
        }

        Assert.InRange(held, 935, 995);
    }

    [Fact]
    public void Values_that_repeat_within_a_group_count_once()
    {
        var random = new Random(1);
        var values = Enumerable.Range(0, 120).Select(_ => random.NextDouble()).ToArray();
        var alone = Of(values.Select(v => (double)(float)v), 0.5);
        var groups = Quantile.OfGroups([.. values.Select(v => Enumerable.Repeat((float)v, 40).ToArray())], 0.5);
        Assert.Equal(4800, groups.Count);
        Assert.InRange((groups.High!.Value - groups.Low!.Value) / (alone.High!.Value - alone.Low!.Value), 0.8, 1.3);
    }

    [Fact]
    public void Values_that_vary_within_a_group_as_between_groups_count_each()
    {
        var random = new Random(2);
        float[][] groups = [.. Enumerable.Range(0, 100).Select(_ => Enumerable.Range(0, 30).Select(_ => random.NextSingle()).ToArray())];
        var grouped = Quantile.OfGroups(groups, 0.9);
        var flat = Of(groups.SelectMany(g => g).Select(v => (double)v), 0.9);
        Assert.Equal(flat.Value, grouped.Value);
        Assert.InRange((grouped.High!.Value - grouped.Low!.Value) / (flat.High!.Value - flat.Low!.Value), 0.95, 1.6);
    }

    [Fact]
    public void One_group_has_no_interval_and_no_values_are_refused()
    {
        Assert.Null(Quantile.OfGroups([[.. Enumerable.Range(0, 500).Select(i => (float)i)]], 0.5).Low);
        Assert.Throws<ArgumentException>(() => Quantile.OfGroups([[], []], 0.5));
        Assert.Throws<ArgumentException>(() => Of([], 0.5));
    }

    [Fact]
    public void Equal_values_have_an_interval_of_no_width()
    {
        var estimate = Quantile.OfGroups([.. Enumerable.Range(0, 40).Select(_ => new[] { 3f, 3f, 3f })], 0.9);
        Assert.Equal((3.0, 3.0, 3.0), (estimate.Value, estimate.Low, estimate.High));
    }
}
