using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests;

/// <summary>The engine over real graphs: what is generated agrees with what is scored, in every mode.</summary>
public sealed class ForestEngineTests(ServedForest forest) : IAsyncLifetime
{
    private ForestEngine engine = null!;

    public static TheoryData<string> Modes { get; } = ["ensemble", "last_token", "fixed", "switching", "prior", "top_k", "top_1", "top_p",
        "probe", "probe_switching", "uniform", "posterior", "argmax", "expert"];

    public ValueTask InitializeAsync()
    {
        engine = ForestEngine.Start(forest.Options);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await engine.AssertSound();
        await engine.DisposeAsync();
    }

    internal static Routing Mode(string name) => name switch
    {
        "last_token" => new Routing { Posterior = PosteriorKind.LastToken },
        "fixed" => new Routing { Posterior = PosteriorKind.Fixed, PriorDomain = "beta" },
        "switching" => new Routing { Posterior = PosteriorKind.Switching, SwitchingRate = 0.1 },
        "prior" => new Routing { PriorDomain = "beta" },
        "top_k" => TopK(2),
        "top_1" => TopK(1),
        "top_p" => new Routing { Mode = RoutingMode.TopP, P = 0.6 },
        "probe" => Probe(TopK(1), 5),
        "probe_switching" => Probe(TopK(2), 4) with { Posterior = PosteriorKind.Switching, SwitchingRate = 0.1 },
        "uniform" => new Routing { Mode = RoutingMode.Average },
        "posterior" => new Routing { Mode = RoutingMode.Average, Average = AverageWeights.Posterior, AverageDomain = "beta" },
        "argmax" => new Routing { Mode = RoutingMode.Average, Average = AverageWeights.Argmax, AverageDomain = "beta" },
        "expert" => Expert("gamma"),
        _ => new Routing(),
    };

    [Fact]
    public async Task Every_end_token_of_every_expert_ends_a_text()
    {
        var request = Request(new Routing()) with { IgnoreEndOfSequence = false };
        var whole = (await engine.Run(request)).Tokens();
        var (source, served) = forest.Copy();
        // As Hugging Face has it: what generates is configured beside what the network is.
        File.WriteAllText(Path.Combine(source,
            "experts/gamma/generation_config.json"), $$"""{"eos_token_id": [{{Btx.Fixtures.TinyForest.EndOfTextId}}, {{whole[4]}}]}""");
        await using var other = ForestEngine.Start(forest.Options with { Directory = served });
        var events = await other.Run(request);
        Assert.Equal(whole[..(Array.IndexOf(whole, whole[4]) + 1)], events.Tokens());
        Assert.Equal(FinishReason.Stop, events[^1].Finish);
        await other.SwapAsync(other.Prepare(new ForestChange { Remove = ["gamma"] }), InFlightPolicy.Renormalise);
        Assert.DoesNotContain(whole[4], other.Current.EndTokens);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task Generation_agrees_with_scoring(string name)
    {
        var routing = Mode(name);
        var request = Request(routing);
        var events = await engine.Run(request);
        var tokens = request.Prompt.Concat(events.Tokens()).ToArray();
        Assert.Equal(12, events.Count);
        Assert.Equal(FinishReason.Length, events[^1].Finish);
        Assert.Equal(engine.Tokenizer.Decode(events.Tokens()), string.Concat(events.Select(e => e.Text)));

        // In scoring, the prompt's last token, or the probe's, is where generation chose its experts.
        var read = routing.Router == ExpertRouter.Probe ? routing.ProbeTokens : request.Prompt.Length;
        var scored = await engine.ScoreAsync(new ScoreRequest(tokens, routing with { SelectTokens = read - 1 }),
            TestContext.Current.CancellationToken);
        for (var i = 0; i < events.Count; i++)
        {
            var at = request.Prompt.Length - 1 + i;
            Assert.Equal(scored.LogProbs[at], events[i].LogProb, 1e-4);
            Assert.Equal(1, events[i].Posterior!.Sum(), 1e-9);
            Assert.Equal(1, events[i].Contribution!.Sum(), 1e-9);
            if (routing.Mode is RoutingMode.TopK or RoutingMode.TopP) continue; // there scoring knows the inactive experts' likelihood
            for (var j = 0; j < 3; j++) Assert.Equal(scored.Posterior[j][at], events[i].Posterior![j], 1e-3);
        }
    }

    [Fact]
    public async Task A_batch_of_mixed_modes_gives_each_request_what_it_gets_alone()
    {
        var sampling = new[] { new SamplingOptions { Temperature = 0 }, new SamplingOptions { Temperature = 0.8, TopP = 0.95, Seed = 7 },
            new SamplingOptions { Temperature = 1, TopK = 40, RepetitionPenalty = 1.2, Seed = 8 } };
        var requests = ForestEngineTests.Modes.Select((mode, i) =>
            Request(Mode(mode.Data), 16, [256, .. Enumerable.Range(60 + i, 3 + (5 * i))], sampling[i % 3])).ToList();
        var alone = new List<int[]>();
        foreach (var request in requests) alone.Add((await engine.Run(request)).Tokens());
        var together = await Task.WhenAll(requests.Select(engine.Run));
        for (var i = 0; i < requests.Count; i++) Assert.Equal(alone[i], together[i].Tokens());
    }

    [Fact]
    public async Task Top_k_of_all_experts_is_the_ensemble()
    {
        var ensemble = await engine.Run(Request(new Routing(), 24));
        var top = await engine.Run(Request(TopK(3), 24));
        Assert.Equal(ensemble.Tokens(), top.Tokens());
        for (var i = 0; i < ensemble.Count; i++)
        {
            Assert.Equal(ensemble[i].LogProb, top[i].LogProb, 1e-5);
            for (var j = 0; j < 3; j++) Assert.Equal(ensemble[i].Posterior![j], top[i].Posterior![j], 1e-4);
        }
    }

    [Fact]
    public async Task An_average_with_one_hot_weights_is_that_expert()
    {
        var expert = await engine.Run(Request(Expert("alpha"), 24));
        foreach (var kind in new[] { AverageWeights.Posterior, AverageWeights.Argmax })
        {
            var average =
                await engine.Run(Request(new Routing { Mode = RoutingMode.Average, Average = kind, AverageDomain = "alpha" }, 24));
            Assert.Equal(expert.Tokens(), average.Tokens());
            Assert.Equal(expert.Select(e => e.LogProb), average.Select(e => e.LogProb));
            Assert.Equal([1.0, 0, 0], average[0].Posterior!);
        }
    }

    [Fact]
    public async Task A_uniform_average_is_none_of_the_experts()
    {
        var average = await engine.Run(Request(Mode("uniform"), 4));
        foreach (var name in engine.Describe().Experts)
        {
            var expert = await engine.Run(Request(Expert(name), 4));
            Assert.NotEqual(expert[0].LogProb, average[0].LogProb, 1e-3);
        }
    }

    [Fact]
    public async Task Unselected_experts_do_not_run_after_the_prompt()
    {
        var events = await engine.Run(Request(TopK(1), 10));
        var steps = events[^1].Usage!.ExpertSteps;
        Assert.Equal(2, steps.Count(s => s == 1)); // the prompt, to be chosen from
        Assert.Equal(1, steps.Count(s => s == 11)); // the prompt, then one row a token
        Assert.All(events, e => Assert.Equal(1, e.Posterior!.Count(w => w > 0)));
    }

    [Fact]
    public async Task A_late_joiner_makes_the_posterior_exact_again()
    {
        var routing = TopK(1) with { RerouteInterval = 5 };
        var request = Request(routing, 21);
        var events = await engine.Run(request);
        var tokens = request.Prompt.Concat(events.Tokens()).ToArray();
        var exact = await engine.ScoreAsync(new ScoreRequest(tokens, new Routing()), TestContext.Current.CancellationToken);
        foreach (var i in new[] { 0, 5, 10, 15, 20 })
        {
            var weights = exact.Posterior.Select(w => w[request.Prompt.Length - 1 + i]).ToArray();
            var chosen = Array.IndexOf(events[i].Posterior!, 1.0);
            Assert.Equal(Array.IndexOf(weights, weights.Max()), chosen);
        }

        Assert.Equal(1 + 21 + (4 * 2), events[^1].Usage!.ExpertSteps.Sum() - 2); // prompt on three, 21 tokens on one, four catch-ups on two
    }
}
