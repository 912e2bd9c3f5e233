namespace Btx.Cli.Tests;

public sealed class QuantityTests
{
    [Theory]
    [InlineData(0, "0")]
    [InlineData(7, "7")]
    [InlineData(0.1234, "0.12")]
    [InlineData(999, "999")]
    [InlineData(999.7, "1.00 k")]
    [InlineData(12_345, "12.3 k")]
    [InlineData(999_600, "1.00 M")]
    [InlineData(1_500_000, "1.50 M")]
    [InlineData(2.5e9, "2.50 G")]
    public void Numbers_are_short(double value, string expected) => Assert.Equal(expected, Quantity.Short(value));

    [Theory]
    [InlineData(0, "0:00")]
    [InlineData(-5, "0:00")]
    [InlineData(59.6, "1:00")]
    [InlineData(754, "12:34")]
    [InlineData(3723, "1:02:03")]
    [InlineData(183_840, "2 d 03:04")]
    public void Clocks_are_clear(double seconds, string expected) =>
    Assert.Equal(expected, Quantity.Clock(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1234.5, "1,235")]
    [InlineData(12.345, "12.3")]
    [InlineData(0.012345, "0.0123")]
    [InlineData(-3.14159, "-3.14")]
    [InlineData(1e-7, "1E-07")]
    [InlineData(double.NaN, "–")]
    [InlineData(double.PositiveInfinity, "–")]
    public void Figures_are_three(double value, string expected) => Assert.Equal(expected, Quantity.Figures(value));

    [Theory]
    [InlineData(0, "0 s")]
    [InlineData(0.00034, "340 µs")]
    [InlineData(0.0123, "12.3 ms")]
    [InlineData(0.9999, "1 s")]
    [InlineData(125, "2 min 5 s")]
    [InlineData(12_000, "3 h 20 min")]
    public void Seconds_have_a_unit_of_their_size(double value, string expected) => Assert.Equal(expected, Quantity.Seconds(value));

    [Theory]
    [InlineData(0.025, "2.5 %")]
    [InlineData(0.98765, "98.8 %")]
    public void Shares_are_per_cent(double share, string expected) => Assert.Equal(expected, Quantity.Percent(share));

    [Theory]
    [InlineData(512, "512 B")]
    [InlineData(1_500_000, "1.50 MB")]
    public void Bytes_have_their_unit(double bytes, string expected) => Assert.Equal(expected, Quantity.Bytes(bytes));
}
