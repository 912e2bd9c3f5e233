using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Fixtures;
using Btx.Model.Mixing;
using Btx.Trainer.Evaluation;
using Btx.Trainer.Networks;
using Btx.Trainer.Tests.Evaluation;
using static TorchSharp.torch;

namespace Btx.House.Tests.Exactness;

/// <summary>
/// The server's Score (ONNX graphs, chunked prefill, KV slots) against the evaluation's mixture (the trainer's network on whole
/// sequences): the same log-probabilities for every mode and every posterior.
/// </summary>
public sealed class ServerAgainstEvaluationTests(PriorForest forest) : IClassFixture<PriorForest>
{
    private const double Tolerance = 1e-4;
    private static readonly int[] Tokens = [256, .. Enumerable.Range(0, 99).Select(i => (i * 61 + (i * i * 7)) % 320)];

    public static TheoryData<string, Routing> Routings()
    {
        var data = new TheoryData<string, Routing>();
        foreach (var posterior in Enum.GetValues<PosteriorKind>())
        {
            var kind = new Routing { Posterior = posterior };
            data.Add($"ensemble {posterior}", kind);
            data.Add($"ensemble {posterior}, prior of a domain", kind with { PriorDomain = "alpha" });
            foreach (var select in Enum.GetValues<SelectForm>())
            {
                for (var k = 1; k <= 3; k++)
                    data.Add($"top_{k} {posterior} {select}", kind with { Mode = RoutingMode.TopK, K = k, Select = select });
                data.Add($"top_p {posterior} {select}", kind with { Mode = RoutingMode.TopP, P = 0.8, Select = select });
            }
        }

        data.Add("fast switching", new Routing { Posterior = PosteriorKind.Switching, SwitchingRate = 0.3 });
        data.Add("average uniform", new Routing { Mode = RoutingMode.Average });
        data.Add("average posterior",
            new Routing { Mode = RoutingMode.Average, Average = AverageWeights.Posterior, AverageDomain = "alpha" });
        data.Add("average posterior, one-hot",
            new Routing { Mode = RoutingMode.Average, Average = AverageWeights.Posterior, AverageDomain = "beta" });
        data.Add("average argmax", new Routing { Mode = RoutingMode.Average, Average = AverageWeights.Argmax, AverageDomain = "alpha" });
        foreach (var expert in new[] { "alpha", "beta", "gamma" })
            data.Add($"expert {expert}", new Routing { Mode = RoutingMode.Expert, Expert = expert });
        return data;
    }

    [Fact]
    public async Task Score_agrees_in_every_mode_and_posterior()
    {
        using var scope = NewDisposeScope();
        var scorer = ForestScorer.Open(forest.Forest, CPU);
        var experts = scorer.LogProbs([Tokens]).Select(e => e[0]).ToArray();
        await using var engine = ForestEngine.Start(new EngineOptions
        {
            Directory = forest.Served,
            Threads = 2,
            Slots = 4,
            PrefillChunk = 24,
            MaxBatchTokens = 64
        });
        foreach (var row in Routings())
        {
            var (name, routing) = row.Data;
            double[][] weights = [.. experts.Select(e => new double[e.Length])];
            var expected = scorer.Score(Tokens, experts, routing, weights);
            var actual = await engine.ScoreAsync(new ScoreRequest(Tokens, routing), TestContext.Current.CancellationToken);
            AssertClose(expected, actual.LogProbs, name);
            if (routing.Mode == RoutingMode.Average) continue;
            for (var j = 0; j < experts.Length; j++)
            {
                if (actual.ExpertLogProbs[j] is { } own) AssertClose(experts[j], own, $"{name}: expert {j}");
                Assert.All(weights[j].Zip(actual.Posterior[j]), w => Assert.InRange(Math.Abs(w.First - w.Second), 0, 1e-4));
            }

            for (var t = 0; t < Tokens.Length - 1; t++) Assert.Equal(1, actual.Posterior.Sum(p => p[t]), 1e-9);
        }
    }

    [Fact]
    public async Task A_one_hot_average_is_that_expert_to_the_bit()
    {
        await using var engine = ForestEngine.Start(new EngineOptions { Directory = forest.Served, Threads = 1, Slots = 2 });
        var average = await engine.ScoreAsync(
            new ScoreRequest(Tokens, new Routing
            {
                Mode = RoutingMode.Average,
                Average = AverageWeights.Posterior,
                AverageDomain = "beta"
            }), TestContext.Current.CancellationToken);
        var expert = await engine.ScoreAsync(new ScoreRequest(Tokens, new Routing { Mode = RoutingMode.Expert, Expert = "beta" }),
            TestContext.Current.CancellationToken);
        Assert.Equal(expert.LogProbs, average.LogProbs);
    }

    [Fact]
    public async Task Without_a_quarantined_expert_both_rescale_the_priors_over_the_rest()
    {
        using var scope = NewDisposeScope();
        using var smaller = new PriorForest();
        smaller.Quarantine("gamma");
        var scorer = ForestScorer.Open(smaller.Forest, CPU);
        Assert.Equal(["alpha", "beta"], scorer.Experts);
        var experts = scorer.LogProbs([Tokens]).Select(e => e[0]).ToArray();
        double[][] weights = [.. experts.Select(e => new double[e.Length])];
        await using var engine = ForestEngine.Start(new EngineOptions { Directory = smaller.Served, Threads = 1, Slots = 2 });
        Routing[] routings =
        [
            new() { Posterior = PosteriorKind.Fixed, PriorDomain = "alpha" },
            new() { Mode = RoutingMode.Average, Average = AverageWeights.Posterior, AverageDomain = "alpha" },
        ];
        foreach (var routing in routings)
        {
            var actual = await engine.ScoreAsync(new ScoreRequest(Tokens, routing), TestContext.Current.CancellationToken);
            AssertClose(scorer.Score(Tokens, experts, routing, weights), actual.LogProbs, $"{routing.Mode}");
            Assert.Equal(7 / 9.0, actual.Posterior[0][0], 1e-9); // 0.7 of 0.7 + 0.2
        }

        Assert.Equal(7 / 9.0, weights[0][0], 1e-9);
    }

    [Theory]
    [InlineData]
    [InlineData(0)]
    public async Task Score_in_mode_moe_agrees_for_every_number_of_experts(params int[] softLayers)
    {
        using var scope = NewDisposeScope();
        using var moe = new TinyServedMoe(soft: softLayers);
        await using var engine = ForestEngine.Start(new EngineOptions
        {
            Directory = forest.Served,
            Moe = moe.Served,
            Threads = 2,
            Slots = 4,
            PrefillChunk = 24,
            MaxBatchTokens = 64
        });
        for (var k = 1; k <= 4; k++)
        {
            using var model = LlamaCheckpoint.Load(moe.Model, CPU, k);
            var actual = await engine.ScoreAsync(new ScoreRequest(Tokens, new Routing { Mode = RoutingMode.Moe, K = k }),
                TestContext.Current.CancellationToken);
            AssertClose(TextScorer.LogProbs(model, [Tokens])[0], actual.LogProbs, $"moe, k = {k}");
        }
    }

    private static void AssertClose(double[] expected, double[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i])
                <= Tolerance * Math.Max(1, Math.Abs(expected[i])), $"{what}: token {i + 1}: {expected[i]} against {actual[i]}");
    }
}
