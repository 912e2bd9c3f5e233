using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Fixtures;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Loop;

/// <summary>The loop over exact fakes: batches, chunks, routing, ends.</summary>
public sealed class EngineLoopTests
{
    private static readonly string[] Modes = ["ensemble", "last_token", "switching", "top_k", "top_1", "top_p", "uniform", "reroute",
        "probe", "probe_2", "probe_reroute", "fixed_top", "expert", "moe_1", "moe_2", "moe_4"];

    private static Routing Mode(string name) => name switch
    {
        "reroute" => TopK(1) with { RerouteInterval = 3 },
        "probe" => Probe(TopK(1), 7),
        "probe_2" => Probe(TopK(2), 12),
        "probe_reroute" => Probe(TopK(1), 3) with { RerouteInterval = 4 },
        "fixed_top" => TopK(2) with { Posterior = PosteriorKind.Fixed, PriorDomain = "expert-0" },
        "expert" => Expert("expert-2"),
        "moe_1" or "moe_2" or "moe_4" => Moe(name[^1] - '0'),
        _ => ForestEngineTests.Mode(name),
    };

    private static GenerationRequest RandomRequest(Random random) => new()
    {
        Prompt = [.. Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(FakeForest.Vocab))],
        Routing = Mode(Modes[random.Next(Modes.Length)]),
        MaxTokens = random.Next(1, 30),
        Sampling = random.Next(3) switch
        {
            0 => new SamplingOptions { Temperature = 0 },
            1 => new SamplingOptions { Seed = random.Next(), TopP = 0.9, MinP = 0.01 },
            _ => new SamplingOptions { Seed = random.Next(), Temperature = 1.3, TopK = 50, RepetitionPenalty = 1.1 },
        },
        TopLogProbs = random.Next(3),
        ReportExperts = true,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Any_batch_gives_each_request_exactly_what_it_gets_alone(int seed)
    {
        var random = new Random(seed);
        var requests = Enumerable.Range(0, 40).Select(_ => RandomRequest(random)).ToList();
        await using var forest = new FakeForest(change: o => o with { QueueCapacity = 64 });
        var alone = new List<List<TokenEvent>>();
        foreach (var request in requests) alone.Add(await forest.Engine.Run(request));
        var running = requests.Select(forest.Engine.Run).ToList();
        while (running.Any(r => !r.IsCompleted))
        {
            await forest.Engine.AssertSound(idle: false);
            await Task.Yield();
        }

        for (var i = 0; i < requests.Count; i++)
        {
            var together = await running[i];
            Assert.Equal(alone[i].Tokens(), together.Tokens());
            Assert.Equal(alone[i].Select(e => e.LogProb), together.Select(e => e.LogProb));
            Assert.Equal(alone[i].Select(e => e.Posterior), together.Select(e => e.Posterior));
            Assert.Equal(alone[i].Select(e => e.Top), together.Select(e => e.Top));
            Assert.Equal(alone[i].Select(e => e.Gates?.Values), together.Select(e => e.Gates?.Values));
            Assert.Equal(alone[i][^1].Usage!.RoutedTokens, together[^1].Usage!.RoutedTokens);
        }

        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task Prefill_keeps_to_chunk_and_budget()
    {
        await using var forest = new FakeForest();
        var prompts = Enumerable.Range(0, 4).Select(i => Request(new Routing(), 5, [.. Enumerable.Range(i, 40)])).ToList();
        await Task.WhenAll(prompts.Select(forest.Engine.Run));
        foreach (var run in forest.Experts.SelectMany(e => e.Runs))
        {
            Assert.True(run.Sum(r => r.Count) <= 16);
            Assert.All(run, r => Assert.InRange(r.Count, 1, 4));
            Assert.Equal(run.Length, run.Select(r => r.Slot).Distinct().Count());
        }
    }

    [Fact]
    public async Task Top_k_with_a_fixed_posterior_never_runs_the_others()
    {
        await using var forest = new FakeForest();
        await forest.Engine.Run(Request(TopK(1) with { Posterior = PosteriorKind.Fixed, PriorDomain = "expert-0" }, 8));
        Assert.NotEmpty(forest.Experts[0].Runs);
        Assert.Empty(forest.Experts[1].Runs);
        Assert.Empty(forest.Experts[2].Runs);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(1, 4)]
    public async Task A_probe_is_read_by_all_and_the_rest_by_the_chosen_alone(int k, int reroute)
    {
        await using var forest = new FakeForest(change: o => o with { PrefillChunk = 16 });
        int[] prompt = [256, .. Enumerable.Range(40, 15)];
        var request = Request(Probe(TopK(k), 6) with { RerouteInterval = reroute }, 3, prompt);
        var events = await forest.Engine.Run(request);
        var exact = await forest.Engine.ScoreAsync(new ScoreRequest(prompt, new Routing()), TestContext.Current.CancellationToken);
        int[] best = [.. Enumerable.Range(0, 3).OrderByDescending(j => exact.Posterior[j][5]).Take(k)]; // weighs what follows 6 tokens
        foreach (var (j, expert) in forest.Experts.Index())
        {
            (int, int, int, int)[] rows = [.. expert.Runs.SelectMany(r => r).Select(r => (r.Past, r.Count, r.Wanted, r.Scored))];
            var scored = k == 1 && reroute == 0 ? 0 : 10; // one alone needs no likelihood
            (int, int, int, int)[] rest = [(5, 11, 1, scored), (16, 1, 1, 0), (17, 1, 1, 0)];
            Assert.Equal([(0, 5, 0, 5), .. best.Contains(j) ? rest : []], rows.SkipLast(1)); // without the score's
            Assert.All(events, e => Assert.Equal(best.Contains(j), e.Posterior![j] > 0));
        }
    }

    [Fact]
    public async Task A_prompt_no_longer_than_the_probe_is_read_by_all()
    {
        await using var forest = new FakeForest();
        foreach (var tokens in new[] { 8, 9, int.MaxValue })
        {
            var (probed, all) = (await forest.Engine.Run(Request(Probe(TopK(1), tokens))), await forest.Engine.Run(Request(TopK(1))));
            Assert.Equal(all.Tokens(), probed.Tokens());
            Assert.Equal(all.Select(e => e.Posterior), probed.Select(e => e.Posterior));
            Assert.Equal(all[^1].Usage!.ExpertSteps, probed[^1].Usage!.ExpertSteps);
        }
    }

    [Theory]
    [InlineData(ExpertRouter.All)]
    [InlineData(ExpertRouter.Probe)]
    public async Task A_reroute_scores_what_inactive_experts_missed(ExpertRouter router)
    {
        await using var forest = new FakeForest();
        var routing = new Routing { Mode = RoutingMode.TopP, P = 0.5, RerouteInterval = 4, Router = router, ProbeTokens = 3 };
        var request = Request(routing, 20);
        var events = await forest.Engine.Run(request);
        var exact = await forest.Engine.ScoreAsync(new ScoreRequest([.. request.Prompt, .. events.Tokens()], new Routing()),
            TestContext.Current.CancellationToken);
        foreach (var i in new[] { 0, 4, 8, 12, 16 })
        {
            var weights = exact.Posterior.Select(w => w[request.Prompt.Length - 1 + i]).ToArray();
            var mass = events[i].Posterior!.Select((w, j) => w > 0 ? weights[j] : 0).Sum();
            for (var j = 0; j < 3; j++) Assert.Equal(events[i].Posterior![j] > 0 ? weights[j] / mass : 0, events[i].Posterior![j], 1e-9);
            if (i > 0 || router == ExpertRouter.All) Assert.True(mass >= 0.5 - ActiveSet.Hysteresis); // by the whole text
        }
    }

    [Fact]
    public async Task Ends_at_the_end_of_sequence_token()
    {
        await using var forest = new FakeForest();
        foreach (var expert in forest.Experts) expert.Certain = n => n == 12 ? TinyForest.EndOfTextId : null;
        var request = Request(new Routing(), 30) with { IgnoreEndOfSequence = false };
        var events = await forest.Engine.Run(request);
        Assert.Equal(5, events.Count); // 8 + 4 tokens, then the end
        Assert.Equal(FinishReason.Stop, events[^1].Finish);
        Assert.Equal(TinyForest.EndOfTextId, events[^1].Token);
        Assert.Equal(30, (await forest.Engine.Run(request with { IgnoreEndOfSequence = true })).Count);
    }

    [Fact]
    public async Task Ends_before_a_stop_string_and_gives_out_nothing_of_it()
    {
        await using var forest = new FakeForest();
        // a byte's token is the byte
        foreach (var expert in forest.Experts) expert.Certain = n => n < 8 ? null : "abcdefghijklmnopqrst"[n - 8];
        var events = await forest.Engine.Run(Request(new Routing(), 20) with { Stop = ["fgh", "zz"] });
        Assert.Equal("abcde", string.Concat(events.Select(e => e.Text)));
        Assert.Equal(FinishReason.Stop, events[^1].Finish);
        Assert.Equal(8, events.Count);
        var free = await forest.Engine.Run(Request(new Routing(), 7) with { Stop = ["fgh"] });
        Assert.Equal("abcdefg", string.Concat(free.Select(e => e.Text))); // held back until the end made it certain
    }

    [Fact]
    public async Task Clamps_max_tokens_to_the_context()
    {
        await using var forest = new FakeForest(context: 20);
        var events = await forest.Engine.Run(Request(new Routing(), int.MaxValue));
        Assert.Equal(12, events.Count);
        Assert.Equal(FinishReason.Length, events[^1].Finish);
        Assert.Equal(12, events[^1].Usage!.CompletionTokens);
    }

    [Fact]
    public async Task Reports_alternatives_most_probable_first()
    {
        await using var forest = new FakeForest();
        var events = await forest.Engine.Run(Request(new Routing(), 6) with { TopLogProbs = 5 });
        foreach (var e in events)
        {
            Assert.Equal(5, e.Top.Count);
            Assert.Equal(e.Token, e.Top[0].Token); // greedy
            Assert.Equal(e.LogProb, e.Top[0].LogProb, 1e-9);
            Assert.Equal(e.Top.Select(t => t.LogProb).OrderDescending(), e.Top.Select(t => t.LogProb));
        }
    }

    [Fact]
    public async Task A_reader_that_never_reads_stalls_nobody()
    {
        await using var forest = new FakeForest();
        var unread = forest.Engine.Generate(Request(new Routing(), 40), TestContext.Current.CancellationToken);
        await forest.Engine.Run(Request(new Routing(), 50));
        Assert.Equal(40, (await unread.Read()).Count);
    }
}
