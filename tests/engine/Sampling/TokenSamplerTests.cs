using Btx.Engine.Requests;
using Btx.Engine.Sampling;

namespace Btx.Engine.Tests.Sampling;

public sealed class TokenSamplerTests
{
    private static float[] Distribution(int size, int seed)
    {
        var random = new Random(seed);
        var p = Enumerable.Range(0, size).Select(_ => Math.Pow(random.NextDouble(), 6)).ToArray();
        var sum = p.Sum();
        return [.. p.Select(x => (float)(x / sum))];
    }

    /// <summary>The definition, sorted and in fp64, without thresholds.</summary>
    private static double[] Reference(float[] p, SamplingOptions o, bool[] seen)
    {
        var q = p.Select((x, v) => seen[v] ? Math.Pow(x, o.RepetitionPenalty) : x).ToArray();
        q = [.. q.Select(x => Math.Pow(x / q.Max(), 1 / o.Temperature))];
        var order = Enumerable.Range(0, q.Length).Where(v => q[v] > 0).OrderByDescending(v => (float)q[v]).ThenBy(v => v).ToList();
        if (o.TopK > 0) order = order[..Math.Min(o.TopK, order.Count)];
        if (o.TopP < 1)
        {
            double mass = 0, total = order.Sum(v => q[v]);
            order = order[..(order.TakeWhile(v => (mass += q[v]) < o.TopP * total).Count() + 1)];
        }

        order = [.. order.Where(v => q[v] >= o.MinP * q.Max())];
        var kept = order.Sum(v => q[v]);
        return [.. q.Select((x, v) => order.Contains(v) ? x / kept : 0)];
    }

    public static TheoryData<double, double, int, double, double> Cases { get; } = new()
    {
        { 1, 1, 0, 0, 1 }, { 0.7, 1, 0, 0, 1 }, { 1, 0.8, 0, 0, 1 }, { 1, 1, 5, 0, 1 }, { 1, 1, 0, 0.2, 1 }, { 1.5, 0.9, 30, 0.05, 1.3 },
            { 1, 0.5, 3, 0, 1 }, { 2, 0.99999, 0, 0, 1 },
        { 1, 1, 1000, 0, 0.8 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Draws_from_the_defined_distribution(double temperature, double topP, int topK, double minP, double penalty)
    {
        const int draws = 20_000;
        var p = Distribution(64, 3);
        var seen = Enumerable.Range(0, 64).Select(v => v % 3 == 0).ToArray();
        var options = new SamplingOptions { Temperature = temperature, TopP = topP, TopK = topK, MinP = minP, RepetitionPenalty = penalty };
        var expected = Reference(p, options, seen);
        var counts = new int[64];
        var sampler = new TokenSampler(64);
        var random = new RandomStream(11);
        for (var i = 0; i < draws; i++) counts[sampler.Sample(p, options, seen, ref random)]++;
        for (var v = 0; v < 64; v++)
        {
            if (expected[v] == 0) Assert.Equal(0, counts[v]);
            else Assert.InRange(counts[v] / (double)draws, expected[v] - 0.02, expected[v] + 0.02);
        }
    }

    [Fact]
    public void Greedy_takes_the_most_probable_and_of_equal_ones_the_lower_id()
    {
        var random = new RandomStream(1);
        Assert.Equal(2,
            new TokenSampler(5).Sample([0.1f, 0.2f, 0.25f, 0.2f, 0.25f], new SamplingOptions { Temperature = 0 }, [], ref random));
        Assert.Equal(4, new TokenSampler(5).Sample([0.1f, 0.2f, 0.25f, 0.2f, 0.25f],
            new SamplingOptions { Temperature = 0, RepetitionPenalty = 2 }, [false, false, true, false, false], ref random));
    }

    [Fact]
    public void A_tie_at_the_edge_of_top_k_keeps_the_lower_id()
    {
        var sampler = new TokenSampler(4);
        var random = new RandomStream(5);
        for (var i = 0; i < 200; i++)
            Assert.InRange(sampler.Sample([0.25f, 0.25f, 0.25f, 0.25f], new SamplingOptions { TopK = 2 }, [], ref random), 0, 1);
    }

    [Fact]
    public void Finds_the_largest_in_order()
    {
        var p = Distribution(500, 4);
        var top = new int[7];
        TokenSampler.Largest(p, top);
        Assert.Equal(Enumerable.Range(0, 500).OrderByDescending(v => p[v]).ThenBy(v => v).Take(7), top);
    }

    [Fact]
    public void The_same_seed_gives_the_same_numbers_in_range()
    {
        RandomStream a = new(42), b = new(42), c = new(43);
        var first = Enumerable.Range(0, 1000).Select(_ => a.NextDouble()).ToArray();
        Assert.Equal(first, Enumerable.Range(0, 1000).Select(_ => b.NextDouble()));
        Assert.NotEqual(first[0], c.NextDouble());
        Assert.All(first, u => Assert.InRange(u, 0, 1));
        Assert.InRange(first.Average(), 0.45, 0.55);
    }
}
