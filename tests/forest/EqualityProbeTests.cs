namespace Btx.Forest.Tests;

public sealed class EqualityProbeTests
{
    [Theory]
    [InlineData("fp32", 0.5, 2e-5)]
    [InlineData("fp32", 20, 4e-4)]
    [InlineData("fp16", 20, 4e-2)]
    public void What_counts_as_equal_grows_with_the_logits_that_are_rounded(string precision, double largest, double tolerance) =>
        Assert.Equal(tolerance, EqualityProbe.Tolerance(precision, largest), 1e-12);
}
