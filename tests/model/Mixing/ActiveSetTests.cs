using Btx.Model.Mixing;

namespace Btx.Model.Tests.Mixing;

public sealed class ActiveSetTests
{
    private static bool[] TopP(double p, double[] weights, params int[] previous)
    {
        var active = new bool[weights.Length];
        foreach (var j in previous) active[j] = true;
        ActiveSet.TopP(weights, p, active);
        return active;
    }

    private static int[] Members(bool[] active) => [.. Enumerable.Range(0, active.Length).Where(j => active[j])];

    [Fact]
    public void Top_k_takes_the_largest_and_ties_go_to_the_lower_index()
    {
        var active = new[] { true, true, true, true };
        ActiveSet.TopK([0.2, 0.3, 0.3, 0.2], 1, active);
        Assert.Equal([1], Members(active));
        ActiveSet.TopK([0.2, 0.3, 0.3, 0.2], 3, active);
        Assert.Equal([0, 1, 2], Members(active));
        ActiveSet.TopK([0, 0, 0, 1], 2, active);
        Assert.Equal([0, 3], Members(active));
    }

    [Fact]
    public void Top_p_takes_the_smallest_set_that_reaches_p()
    {
        double[] w = [0.1, 0.5, 0.15, 0.25];
        Assert.Equal([1], Members(TopP(0.5, w)));
        Assert.Equal([1, 3], Members(TopP(0.75, w)));
        Assert.Equal([1, 2, 3], Members(TopP(0.76, w)));
        Assert.Equal([0, 1, 2, 3], Members(TopP(1, w)));
        Assert.Equal([1], Members(TopP(1e-9, w)));
        Assert.Equal([0], Members(TopP(1, [1, 0, 0])));
    }

    [Fact]
    public void Every_random_top_p_set_is_smallest_by_exhaustive_search()
    {
        var random = new Random(17);
        for (var n = 0; n < 500; n++)
        {
            var w = Enumerable.Range(0, 6).Select(_ => random.NextDouble()).ToArray();
            var sum = w.Sum();
            w = [.. w.Select(x => x / sum)];
            var p = random.NextDouble();
            var chosen = Members(TopP(p, w));
            Assert.True(chosen.Sum(j => w[j]) >= p - 1e-12, "the set does not reach p");
            var smallest = Enumerable.Range(1, 63).Where(m => Enumerable.Range(0, 6).Where(j => (m >> j & 1) == 1).Sum(j => w[j]) >= p)
                .Min(m => System.Numerics.BitOperations.PopCount((uint)m));
            Assert.Equal(smallest, chosen.Length);
        }
    }

    [Fact]
    public void A_set_stays_while_its_mass_is_a_little_short()
    {
        Assert.Equal([0], Members(TopP(0.9, [0.87, 0.1, 0.03], previous: 0)));
        Assert.Equal([0, 1], Members(TopP(0.9, [0.84, 0.1, 0.06], previous: 0)));
    }

    [Fact]
    public void A_larger_set_stays_until_a_smaller_one_is_clearly_enough()
    {
        Assert.Equal([0, 1], Members(TopP(0.9, [0.93, 0.05, 0.02], previous: [0, 1])));
        Assert.Equal([0], Members(TopP(0.9, [0.96, 0.03, 0.01], previous: [0, 1])));
    }

    [Fact]
    public void A_posterior_that_trembles_around_p_changes_the_set_at_most_once()
    {
        var random = new Random(19);
        var active = new bool[3];
        int changes = 0, raw = 0;
        int[]? last = null, lastRaw = null;
        for (var t = 0; t < 1000; t++)
        {
            var a = 0.9 + ((random.NextDouble() - 0.5) * 0.06);
            double[] w = [a, (1 - a) * 0.7, (1 - a) * 0.3];
            ActiveSet.TopP(w, 0.9, active);
            var now = Members(active);
            changes += last is not null && !now.SequenceEqual(last) ? 1 : 0;
            last = now;
            var fresh = Members(TopP(0.9, w));
            raw += lastRaw is not null && !fresh.SequenceEqual(lastRaw) ? 1 : 0;
            lastRaw = fresh;
        }

        Assert.InRange(changes, 0, 1);
        Assert.True(raw > 100, "the raw choice does not tremble: the test shows nothing");
    }

    [Fact]
    public void Many_experts_need_no_stack()
    {
        var w = DomainPosterior.Uniform(4096);
        Assert.Equal(2048, Members(TopP(0.5, w, previous: [0])).Length);
    }
}
