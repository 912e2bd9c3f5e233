using Btx.Model.Mixing;

namespace Btx.Model.Tests.Mixing;

public sealed class MixtureScoreTests
{
    private static readonly Rational Rate = new(1, 100);

    private static (double[] LogProbs, double[][] Weights, double[] Final) Score(RandomText text, Routing routing, int expert = 0) =>
        Score(text.ByExpert, text.PriorDouble, routing, expert);

    private static (double[] LogProbs, double[][] Weights, double[] Final) Score(double[][] experts, double[] prior, Routing routing,
        int expert = 0)
    {
        var n = experts[0].Length;
        var logProbs = new double[n];
        var weights = experts.Select(_ => new double[n]).ToArray();
        var final = new double[experts.Length];
        MixtureScore.Score(experts, routing, prior, expert, logProbs, weights, final);
        return (logProbs, weights, final);
    }

    private static Rational[] Mixed(RandomText text, Func<int, Rational[]> weightsFor) =>
        [.. text.Tokens.Select((p, t) => weightsFor(t).Zip(p, (w, x) => w * x).Aggregate(Rational.Zero, (a, b) => a + b))];

    private static void Near(Rational[] expected, double[] logProbs)
    {
        Assert.Equal(expected.Length, logProbs.Length);
        for (var t = 0; t < expected.Length; t++) Assert.Equal(expected[t].ToDouble(), Math.Exp(logProbs[t]), 1e-12);
    }

    [Theory]
    [InlineData(PosteriorKind.FullPrefix)]
    [InlineData(PosteriorKind.LastToken)]
    [InlineData(PosteriorKind.Fixed)]
    [InlineData(PosteriorKind.Switching)]
    public void Ensemble_and_top_k_equal_the_exact_mixture(PosteriorKind kind)
    {
        for (var seed = 0; seed < 6; seed++)
        {
            var text = new RandomText(seed, experts: 4, tokens: 25);
            Rational[] Exact(int t) => ExactMixture.Weights(text.Prior, text.Tokens[..t], kind, Rate);
            Near(Mixed(text, Exact), Score(text, new Routing { Posterior = kind }).LogProbs);
            for (var k = 1; k <= 4; k++)
            {
                var routing = new Routing { Mode = RoutingMode.TopK, K = k, Posterior = kind, Select = SelectForm.PerToken };
                Near(Mixed(text, t => ExactMixture.Restrict(Exact(t), ExactMixture.TopK(Exact(t), k))), Score(text, routing).LogProbs);
            }
        }
    }

    [Theory]
    [InlineData(PosteriorKind.FullPrefix)]
    [InlineData(PosteriorKind.LastToken)]
    public void A_prompt_chooses_the_set_once(PosteriorKind kind)
    {
        var text = new RandomText(5, experts: 4, tokens: 30);
        Rational[] Exact(int t) => ExactMixture.Weights(text.Prior, text.Tokens[..t], kind, Rate);
        var chosen = ExactMixture.TopK(Exact(8), 2);
        var routing = new Routing { Mode = RoutingMode.TopK, K = 2, Posterior = kind, Select = SelectForm.Prompt, SelectTokens = 8 };
        Near(Mixed(text, t => t < 8 ? Exact(t) : ExactMixture.Restrict(Exact(t), chosen)), Score(text, routing).LogProbs);
    }

    [Fact]
    public void Top_k_of_all_experts_is_the_ensemble_to_the_bit()
    {
        var text = new RandomText(6, experts: 5, tokens: 200);
        foreach (var kind in Enum.GetValues<PosteriorKind>())
        {
            foreach (var select in Enum.GetValues<SelectForm>())
            {
                var ensemble = Score(text, new Routing { Posterior = kind });
                var all = Score(text, new Routing { Mode = RoutingMode.TopK, K = 5, Posterior = kind, Select = select });
                Assert.Equal(ensemble.LogProbs, all.LogProbs);
                Assert.Equal(ensemble.Final, all.Final);
            }
        }
    }

    [Fact]
    public void Top_p_of_one_is_the_ensemble_while_every_expert_has_mass()
    {
        var text = new RandomText(8, experts: 3, tokens: 10);
        Assert.Equal(Score(text, new Routing()).LogProbs,
            Score(text, new Routing { Mode = RoutingMode.TopP, P = 1, Select = SelectForm.PerToken }).LogProbs);
    }

    [Fact]
    public void The_first_choice_of_top_p_is_the_smallest_set()
    {
        // Prior .3 .3 .2 .2 and experts that agree: .8 needs three; keeping the four that scored the prompt would be wrong here.
        double[] prior = [0.3, 0.3, 0.2, 0.2];
        var experts = prior.Select(_ => Enumerable.Repeat(-1.0, 12).ToArray()).ToArray();
        var (_, weights, _) = Score(experts, prior, new Routing { Mode = RoutingMode.TopP, P = 0.8, SelectTokens = 4 });
        Assert.Equal([4, 3, 3], new[] { 3, 4, 11 }.Select(t => weights.Count(w => w[t] > 0)));
    }

    [Fact]
    public void One_expert_alone_is_itself_under_every_mode()
    {
        var text = new RandomText(2, experts: 1, tokens: 50);
        foreach (var mode in new[] { RoutingMode.Ensemble, RoutingMode.TopK, RoutingMode.TopP, RoutingMode.Expert })
            Assert.Equal(text.ByExpert[0], Score(text, new Routing { Mode = mode, K = 1 }).LogProbs, (a, b) => Math.Abs(a - b) < 1e-13);
    }

    [Fact]
    public void Mode_expert_is_that_expert_even_with_a_prior_of_zero()
    {
        var text = new RandomText(4, experts: 3, tokens: 50);
        var (logProbs, weights, _) = Score(text.ByExpert, [1, 0, 0], new Routing { Mode = RoutingMode.Expert }, expert: 2);
        Assert.Equal(text.ByExpert[2], logProbs, (a, b) => Math.Abs(a - b) < 1e-13);
        Assert.All(weights[2], w => Assert.Equal(1, w));
        Assert.All(weights[0], w => Assert.Equal(0, w));
    }

    [Fact]
    public void Weights_and_the_final_posterior_are_those_used()
    {
        var text = new RandomText(12, experts: 3, tokens: 20);
        var (logProbs, weights, final) = Score(text, new Routing());
        for (var t = 0; t < 20; t++)
        {
            Assert.Equal(1, weights.Sum(w => w[t]), 1e-12);
            Assert.Equal(Math.Exp(logProbs[t]), weights.Select((w, j) => w[t] * text.Tokens[t][j].ToDouble()).Sum(), 1e-12);
        }

        Assert.Equal(ExactMixture.Weights(text.Prior, text.Tokens, PosteriorKind.FullPrefix, Rate).Select(r => r.ToDouble()), final,
            (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void A_choice_from_the_prompt_hears_no_more_of_the_others_under_switching()
    {
        var text = new RandomText(13, experts: 3, tokens: 20).ByExpert;
        var routing = new Routing { Mode = RoutingMode.TopK, K = 1, Posterior = PosteriorKind.Switching, SelectTokens = 4 };
        var chosen = Array.FindIndex(Score(text, [0.5, 0.3, 0.2], routing).Weights, w => w[19] > 0);
        var other = text.Select((x, j) => j == chosen ? x : x.Select((v, t) => t < 4 ? v : -50.0).ToArray()).ToArray();
        Assert.Equal(Score(text, [0.5, 0.3, 0.2], routing).LogProbs, Score(other, [0.5, 0.3, 0.2], routing).LogProbs);
        Assert.Equal(Score(text, [0.5, 0.3, 0.2], routing).Final, Score(other, [0.5, 0.3, 0.2], routing).Final);
    }

    [Fact]
    public void Impossible_tokens_and_broken_experts_never_make_NaN()
    {
        var none = double.NegativeInfinity;
        double[][] experts = [[-1, none, -1, none, -2], [none, none, double.NaN, -1, -3]];
        foreach (var kind in Enum.GetValues<PosteriorKind>())
        {
            var (logProbs, weights, final) = Score(experts, [0.5, 0.5], new Routing { Posterior = kind });
            Assert.DoesNotContain(logProbs, double.IsNaN);
            Assert.DoesNotContain(weights.SelectMany(w => w).Concat(final), double.IsNaN);
            Assert.Equal(none, logProbs[1]);
        }
    }
}
