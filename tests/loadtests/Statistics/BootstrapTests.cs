using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Tests.Statistics;

public sealed class BootstrapTests
{
    private static readonly double[] Values = [.. Enumerable.Range(0, 400).Select(i => (i * 7919 % 400) / 400.0)];

    [Fact]
    public void The_interval_of_a_mean_is_that_of_theory()
    {
        var mean = Bootstrap.Of(Values, v => v.Average(), seed: 3);
        var half = 1.96 * Math.Sqrt(1 / 12.0 / 400);
        Assert.Equal(Values.Average(), mean.Value);
        Assert.Equal(mean.Value - half, mean.Low!.Value, 0.15 * half);
        Assert.Equal(mean.Value + half, mean.High!.Value, 0.15 * half);
    }

    [Fact]
    public void A_seed_fixes_it()
    {
        Assert.Equal(Bootstrap.Of(Values, v => v.Max(), 1), Bootstrap.Of(Values, v => v.Max(), 1));
        Assert.NotEqual(Bootstrap.Of(Values, v => v.Average(), 1), Bootstrap.Of(Values, v => v.Average(), 2));
    }

    [Fact]
    public void One_value_has_no_interval() => Assert.Null(Bootstrap.Of([1.0], v => v[0], 1).Low);
}
