using Btx.Model.Mixing;

namespace Btx.Model.Tests.Mixing;

public sealed class LogSpaceTests
{
    [Fact]
    public void Sums_far_from_one_neither_overflow_nor_vanish()
    {
        Assert.Equal(Math.Log(6), LogSpace.Sum([0, Math.Log(2), Math.Log(3)]), 1e-15);
        Assert.Equal(-1e6 + Math.Log(2), LogSpace.Sum([-1e6, -1e6]), 1e-9);
        Assert.Equal(1e6 + Math.Log(2), LogSpace.Sum([1e6, 1e6]), 1e-9);
        Assert.Equal(-3, LogSpace.Sum([double.NegativeInfinity, -3, double.NegativeInfinity]));
        Assert.Equal(double.NegativeInfinity, LogSpace.Sum([]));
        Assert.Equal(double.NegativeInfinity, LogSpace.Sum([double.NegativeInfinity]));
    }

    [Fact]
    public void A_softmax_of_nothing_leaves_the_weights_alone()
    {
        double[] w = [7, 7];
        Assert.False(LogSpace.Softmax([double.NegativeInfinity, double.NegativeInfinity], w));
        Assert.Equal([7, 7], w);
        Assert.True(LogSpace.Softmax([-1e9, double.NegativeInfinity], w));
        Assert.Equal([1, 0], w);
    }
}
