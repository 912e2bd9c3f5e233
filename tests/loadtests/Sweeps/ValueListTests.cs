using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.Tests.Sweeps;

public sealed class ValueListTests
{
    [Theory]
    [InlineData("1..4", new[] { 1, 2, 3, 4 })]
    [InlineData("8,1,2", new[] { 8, 1, 2 })]
    [InlineData("1..3,2,16", new[] { 1, 2, 3, 16 })]
    public void Whole_numbers_come_as_lists_and_ranges(string text, int[] values) => Assert.Equal(values, ValueList.Integers("--k", text));

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("4..1")]
    [InlineData("1,,2")]
    [InlineData("1..2..3")]
    [InlineData("-1")]
    [InlineData("two")]
    public void What_is_no_such_list_is_refused_by_name_and_value(string text) =>
        Assert.StartsWith($"--k {text}: expected ", Assert.Throws<LoadTestException>(() => ValueList.Integers("--k", text)).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("0")]
    [InlineData("nan")]
    [InlineData("1e999")]
    [InlineData("%")]
    public void A_rate_is_above_0(string text) => Assert.Throws<LoadTestException>(() => ValueList.Rates("--rate", text));

    [Fact]
    public void Rates_and_shares_may_stand_in_one_list()
    {
        var (rates, shares) = ValueList.Rates("--rate", "2,50%,0.5,125%");
        Assert.Equal([2, 0.5], rates);
        Assert.Equal([0.5, 1.25], shares);
    }
}
