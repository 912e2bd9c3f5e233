using System.Numerics;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Tests.Statistics;

public sealed class DistributionsTests
{
    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(1, 0.8413447460685429)]
    [InlineData(1.959963984540054, 0.975)]
    [InlineData(-2.5758293035489004, 0.005)]
    [InlineData(-4, 3.167124183311992e-5)]
    [InlineData(-6, 9.865876450376981e-10)]
    public void The_normal_distribution_is_that_of_the_tables(double z, double p) => Assert.Equal(1, Distributions.Normal(z) / p, 1e-9);

    [Theory]
    [InlineData(1, 12.706204736)]
    [InlineData(2, 4.302652730)]
    [InlineData(5, 2.570581836)]
    [InlineData(30, 2.042272456)]
    [InlineData(1000, 1.962339081)]
    public void Students_quantile_is_that_of_the_tables(double degrees, double t)
    {
        Assert.Equal(t, Distributions.StudentQuantile(0.975, degrees), 1e-8);
        Assert.Equal(0.025, Distributions.Student(-t, degrees), 1e-9);
    }

    [Theory]
    [InlineData(3.708265, 3, 10, 0.05)]
    [InlineData(161.4476, 1, 1, 0.05)]
    [InlineData(5.050329, 5, 5, 0.05)]
    [InlineData(5.636326, 5, 10, 0.01)]
    public void Fishers_tail_is_that_of_the_tables(double f, double numerator, double denominator, double p) =>
        Assert.Equal(p, Distributions.FisherTail(f, numerator, denominator), 1e-6);

    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(7, 0.9)]
    [InlineData(40, 0.01)]
    [InlineData(200, 0.37)]
    public void The_binomial_sum_is_the_sum(int n, double p)
    {
        var sum = 0.0;
        for (var k = 0; k < n; k++)
        {
            var choose = BigInteger.One;
            for (var i = 0; i < k; i++) choose = choose * (n - i) / (i + 1);
            sum += Math.Exp(BigInteger.Log(choose) + (k * Math.Log(p)) + ((n - k) * Math.Log(1 - p)));
            Assert.Equal(sum, Distributions.Binomial(k, n, p), 1e-11);
        }

        Assert.Equal(0, Distributions.Binomial(-1, n, p));
        Assert.Equal(1, Distributions.Binomial(n, n, p));
    }
}
