using Btx.Model.Moe;

namespace Btx.Model.Tests.Moe;

public sealed class ExpertGatesTests
{
    private static double[] Gates(double[] logits, int k)
    {
        var gates = new double[logits.Length];
        ExpertGates.TopK(logits, k, gates);
        return gates;
    }

    [Fact]
    public void The_largest_are_weighted_by_their_softmax()
    {
        var gates = Gates([0, Math.Log(3), -5, Math.Log(1)], 2);
        Assert.Equal([0.25, 0.75, 0, 0], gates, (a, b) => Math.Abs(a - b) < 1e-15);
    }

    [Fact]
    public void One_alone_has_the_whole_weight() => Assert.Equal([0, 0, 1], Gates([1, 2, 3], 1));

    [Fact]
    public void All_of_them_is_the_soft_router()
    {
        double[] logits = [0.3, -1, 2, 0.7];
        var sum = logits.Sum(Math.Exp);
        Assert.Equal([.. logits.Select(x => Math.Exp(x) / sum)], Gates(logits, 4), (a, b) => Math.Abs(a - b) < 1e-15);
    }

    [Fact]
    public void Of_equal_logits_the_lower_index_counts() => Assert.Equal([0.5, 0.5, 0], Gates([1, 1, 1], 2));

    [Fact]
    public void Softmax_over_all_then_the_largest_rescaled_is_the_same()
    {
        var random = new Random(5);
        for (var n = 0; n < 200; n++)
        {
            double[] logits = [.. Enumerable.Range(0, 8).Select(_ => (random.NextDouble() * 40) - 20)];
            var k = random.Next(1, 9);
            var all = Gates(logits, 8);
            var kept = all.Index().OrderByDescending(p => p.Item).Take(k).ToDictionary(p => p.Index, p => p.Item);
            var mass = kept.Values.Sum();
            Assert.Equal([.. Enumerable.Range(0, 8).Select(i => kept.GetValueOrDefault(i) / mass)], Gates(logits, k),
                (a, b) => Math.Abs(a - b) < 1e-12);
        }
    }

    [Fact]
    public void Large_logits_do_not_overflow() => Assert.Equal([1, 0], Gates([1e6, -1e6], 2));

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Other_k_are_refused(int k) => Assert.Throws<ArgumentOutOfRangeException>(() => Gates([1, 2, 3], k));
}
