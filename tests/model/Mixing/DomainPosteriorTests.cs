using Btx.Model.Mixing;

namespace Btx.Model.Tests.Mixing;

public sealed class DomainPosteriorTests
{
    private static readonly Rational Rate = new(1, 32);

    public static TheoryData<PosteriorKind> Kinds => [.. Enum.GetValues<PosteriorKind>()];

    private static DomainPosterior Posterior(double[] prior, PosteriorKind kind, double rate = 1 / 32.0) => new(prior, kind, rate);

    private static double[] Weights(DomainPosterior posterior, params bool[] active)
    {
        var w = new double[posterior.Count];
        Array.Fill(w, double.NaN);
        posterior.Weights(w, active);
        Assert.InRange(w.Sum(), 1 - 1e-12, 1 + 1e-12);
        Assert.All(w, x => Assert.InRange(x, 0, 1 + 1e-15));
        return w;
    }

    private static void Near(IEnumerable<Rational> expected, double[] actual, double within = 1e-12)
    {
        var j = 0;
        foreach (var e in expected) Assert.InRange(Math.Abs(actual[j++] - e.ToDouble()), 0, within);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Equals_the_exact_products(PosteriorKind kind)
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var text = new RandomText(seed, experts: 1 + (seed % 5), tokens: 30);
            var posterior = Posterior(text.PriorDouble, kind);
            for (var t = 0; t < text.Tokens.Length; t++)
            {
                Near(ExactMixture.Weights(text.Prior, text.Tokens[..t], kind, Rate), Weights(posterior));
                posterior.Observe(text.LogProbs(t));
            }
        }
    }

    [Theory]
    [InlineData(PosteriorKind.LastToken)]
    [InlineData(PosteriorKind.Switching)]
    public void Equals_the_exact_products_with_probabilities_of_zero(PosteriorKind kind)
    {
        for (var seed = 0; seed < 8; seed++)
        {
            var text = new RandomText(seed, experts: 3, tokens: 40, zeros: true);
            var posterior = Posterior(text.PriorDouble, kind);
            for (var t = 0; t < text.Tokens.Length; t++)
            {
                Near(ExactMixture.Weights(text.Prior, text.Tokens[..t], kind, Rate), Weights(posterior));
                posterior.Observe(text.LogProbs(t));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Restricting_to_the_active_set_renormalises(PosteriorKind kind)
    {
        var text = new RandomText(7, experts: 4, tokens: 12);
        var posterior = Posterior(text.PriorDouble, kind);
        for (var t = 0; t < 12; t++) posterior.Observe(text.LogProbs(t));
        bool[] active = [true, false, true, false];
        Near(ExactMixture.Restrict(ExactMixture.Weights(text.Prior, text.Tokens, kind, Rate), active), Weights(posterior, active));
        Assert.Equal([0, 1, 0, 0], Weights(posterior, false, true, false, false));
    }

    [Fact]
    public void An_inactive_experts_likelihood_is_not_read()
    {
        foreach (var kind in Enum.GetValues<PosteriorKind>())
        {
            var a = Posterior([0.5, 0.3, 0.2], kind);
            var b = Posterior([0.5, 0.3, 0.2], kind);
            a.Observe([-1, -2, -3], [true, true, false]);
            b.Observe([-1, -2, 100], [true, true, false]);
            Assert.Equal(Weights(a), Weights(b));
        }
    }

    [Fact]
    public void A_late_joiner_that_catches_up_has_its_exact_full_prefix_weight()
    {
        var text = new RandomText(9, experts: 2, tokens: 20);
        var posterior = Posterior(text.PriorDouble, PosteriorKind.FullPrefix);
        for (var t = 0; t < 20; t++) posterior.Observe(text.LogProbs(t), [true, false]);
        for (var t = 0; t < 20; t++) posterior.Observe(text.LogProbs(t), [false, true]);
        Near(ExactMixture.Weights(text.Prior, text.Tokens, PosteriorKind.FullPrefix, Rate), Weights(posterior));
    }

    [Fact]
    public void Switching_within_an_active_set_leaves_the_others_mass_to_the_share_step()
    {
        var posterior = Posterior([0.5, 0.25, 0.25], PosteriorKind.Switching, 0.1);
        posterior.Observe([Math.Log(0.8), Math.Log(0.2), double.NaN], [true, true, false]);
        // Bayes within {0, 1}: 0.75 is split 8:1, so 2/3 and 1/12; then 0.9·bayes + 0.1·π.
        Assert.Equal([(0.9 * 2 / 3) + 0.05, (0.9 / 12) + 0.025, 0.25], Weights(posterior), (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Sums_to_one_after_ten_thousand_tokens_with_an_expert_of_probability_zero(PosteriorKind kind)
    {
        var random = new Random(11);
        var posterior = Posterior([0.25, 0.25, 0.25, 0.25], kind, 0.01);
        for (var t = 0; t < 10_000; t++)
        {
            posterior.Observe([-random.NextDouble() * 20, -random.NextDouble() * 20, double.NegativeInfinity, -1000 * random.NextDouble()]);
            var w = Weights(posterior);
            Assert.DoesNotContain(w, double.IsNaN);
        }

        if (kind is PosteriorKind.FullPrefix or PosteriorKind.LastToken) Assert.Equal(0, Weights(posterior)[2]);
        if (kind == PosteriorKind.Fixed) Assert.Equal(0.25, Weights(posterior)[2], 12);
        if (kind == PosteriorKind.Switching) Assert.Equal(0.01 * 0.25, Weights(posterior)[2], 12);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void When_no_expert_can_explain_the_text_the_prior_answers(PosteriorKind kind)
    {
        var posterior = Posterior([0.7, 0.2, 0.1], kind);
        for (var n = 0; n < 3; n++) posterior.Observe([double.NegativeInfinity, double.NegativeInfinity, double.NegativeInfinity]);
        Assert.Equal([0.7, 0.2, 0.1], Weights(posterior), (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal([0, 2 / 3.0, 1 / 3.0], Weights(posterior, false, true, true), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_active_set_without_prior_mass_is_shared_evenly(PosteriorKind kind) =>
        Assert.Equal([0, 0.5, 0.5], Weights(Posterior([1, 0, 0], kind), false, true, true));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_broken_expert_counts_as_probability_zero(PosteriorKind kind)
    {
        var broken = Posterior([0.5, 0.5], kind);
        var zero = Posterior([0.5, 0.5], kind);
        broken.Observe([-1, double.NaN]);
        zero.Observe([-1, double.NegativeInfinity]);
        Assert.Equal(Weights(zero), Weights(broken));
        broken.Observe([-1, double.PositiveInfinity]);
        Assert.DoesNotContain(Weights(broken), double.IsNaN);
    }

    [Fact]
    public void Under_switching_an_expert_of_weight_zero_returns()
    {
        var posterior = Posterior([0.5, 0.5], PosteriorKind.Switching, 0.01);
        for (var n = 0; n < 50; n++) posterior.Observe([-0.1, double.NegativeInfinity]);
        Assert.InRange(Weights(posterior)[1], 0.004, 0.006);
        for (var n = 0; n < 5; n++) posterior.Observe([-10, -0.1]);
        Assert.InRange(Weights(posterior)[1], 0.99, 1);
    }

    [Fact]
    public void Under_the_full_prefix_an_expert_of_probability_zero_stays_out()
    {
        var posterior = Posterior([0.5, 0.5], PosteriorKind.FullPrefix);
        posterior.Observe([-1, double.NegativeInfinity]);
        for (var n = 0; n < 100; n++) posterior.Observe([-100, -0.001]);
        Assert.Equal([1, 0], Weights(posterior));
    }

    [Fact]
    public void Ends_of_the_switching_rate_are_the_full_prefix_and_the_prior()
    {
        var text = new RandomText(3, experts: 3, tokens: 25);
        var never = Posterior(text.PriorDouble, PosteriorKind.Switching, 0);
        var always = Posterior(text.PriorDouble, PosteriorKind.Switching, 1);
        for (var t = 0; t < 25; t++)
        {
            never.Observe(text.LogProbs(t));
            always.Observe(text.LogProbs(t));
        }

        Near(ExactMixture.Weights(text.Prior, text.Tokens, PosteriorKind.FullPrefix, Rate), Weights(never));
        Near(text.Prior, Weights(always));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Reset_forgets_the_text(PosteriorKind kind)
    {
        var posterior = Posterior([0.7, 0.3], kind);
        posterior.Observe([-5, -1]);
        posterior.Reset();
        Assert.Equal([0.7, 0.3], Weights(posterior), (a, b) => Math.Abs(a - b) < 1e-15);
    }
}
