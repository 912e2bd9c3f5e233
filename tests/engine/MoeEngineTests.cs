using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests;

/// <summary>Mode moe over real graphs, beside a real forest.</summary>
public sealed class MoeEngineTests(ServedForest forest, ServedBtx btx)
{
    private static CancellationToken None => TestContext.Current.CancellationToken;

    private EngineOptions Beside => forest.Options with { Moe = btx.Served };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Generation_agrees_with_scoring_and_k_experts_run_in_each_layer(int k)
    {
        await using var engine = ForestEngine.Start(Beside);
        var request = Request(Moe(k));
        var events = await engine.Run(request);
        var scored = await engine.ScoreAsync(new ScoreRequest([.. request.Prompt, .. events.Tokens()], Moe(k), ReportExperts: true), None);
        for (var i = 0; i < events.Count; i++)
        {
            var at = request.Prompt.Length - 1 + i;
            Assert.Equal(scored.LogProbs[at], events[i].LogProb, 1e-4);
            Assert.All(scored.Gates![at].Values.Zip(events[i].Gates!.Values), g => Assert.Equal(g.First, g.Second, 1e-4f));
            var layers = events[i].Gates!.Values.Chunk(4).ToArray();
            Assert.Equal([4, k], layers.Select(l => l.Count(g => g > 0))); // the first is soft
            Assert.All(layers, l => Assert.Equal(1, l.Sum(), 1e-5));
        }

        Assert.Equal((8 + 12 - 1) * (4 + k) / 2.0, events[^1].Usage!.RoutedTokens.Sum());
        await engine.AssertSound();
    }

    [Fact]
    public async Task The_number_of_experts_changes_the_answer()
    {
        await using var engine = ForestEngine.Start(new EngineOptions { Moe = btx.Served, Threads = 1, Slots = 2 });
        var one = await engine.ScoreAsync(new ScoreRequest([256, 84, 104, 101], Moe(1)), None);
        var two = await engine.ScoreAsync(new ScoreRequest([256, 84, 104, 101], Moe(2)), None);
        Assert.NotEqual(one.LogProbs[0], two.LogProbs[0], 1e-3);
    }

    [Fact]
    public async Task Requests_get_what_they_get_alone_beside_other_k_and_other_modes()
    {
        await using var engine = ForestEngine.Start(Beside);
        var sampling = new[] { new SamplingOptions { Temperature = 0 }, new SamplingOptions { Temperature = 0.8, TopP = 0.95, Seed = 7 } };
        Routing[] routings = [Moe(1), new(), Moe(2), Moe(3), TopK(2), Moe(4), Expert("gamma"), Moe(2), Moe(1)];
        await AloneAndTogether(engine,
            [.. routings.Select((r, i) => Request(r, 16, [256, .. Enumerable.Range(60 + i, 3 + (5 * i))], sampling[i % 2]))]);
    }

    [Fact]
    public async Task Graphs_of_one_k_each_answer_as_the_graph_that_takes_k()
    {
        await using var input = ForestEngine.Start(new EngineOptions { Moe = btx.Served, Threads = 2, Slots = 8, PrefillChunk = 16 });
        await using var built = ForestEngine.Start(forest.Options with { Moe = btx.ServedByK });
        Assert.Equal([1, 2], built.Describe().Moe!.Choices);
        foreach (var k in new[] { 1, 2 })
        {
            var request = new ScoreRequest([256, .. Enumerable.Range(40, 50)], Moe(k), ReportExperts: true);
            var (a, b) = (await input.ScoreAsync(request, None), await built.ScoreAsync(request, None));
            for (var i = 0; i < a.LogProbs.Length; i++)
            {
                Assert.Equal(a.LogProbs[i], b.LogProbs[i], 1e-4);
                Assert.All(a.Gates![i].Values.Zip(b.Gates![i].Values), g => Assert.Equal(g.First, g.Second, 1e-4f));
            }
        }

        Routing[] routings = [Moe(1), Moe(2), Moe(2), new(), Moe(1), Moe(2), Moe(1)];
        await AloneAndTogether(built, [.. routings.Select((r, i) => Request(r, 16, [256, .. Enumerable.Range(60 + i, 3 + (5 * i))]))]);
        Assert.Contains("exported for k 1, 2", Assert.Throws<RequestRejectedException>(() => built.Generate(Request(Moe(3)), None)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(GraphPrecision.Fp16, 0.05)]
    [InlineData(GraphPrecision.Int8, 0.1)]
    [InlineData(GraphPrecision.Int4, 1)]
    public async Task Every_precision_is_served(GraphPrecision precision, double tolerance)
    {
        using var converted = new TinyServedMoe(o => o with { Precision = precision }, soft: [0]);
        var request = new ScoreRequest([256, 84, 104, 101, 32, 99, 97, 116, 9, 200], Moe(4)); // all experts: a rounded logit swaps none
        await using var full = ForestEngine.Start(new EngineOptions { Moe = btx.Served, Threads = 1, Slots = 2 });
        await using var engine = ForestEngine.Start(new EngineOptions
        { Moe = converted.Served, Threads = 1, Slots = 2, ServesHalfOnCpu = true });
        var expected = (await full.ScoreAsync(request, None)).LogProbs;
        var scored = (await engine.ScoreAsync(request, None)).LogProbs;
        Assert.NotEqual(expected, scored);
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], scored[i], tolerance);
    }

    [Fact]
    public async Task The_description_says_what_is_served()
    {
        await using var engine = ForestEngine.Start(Beside);
        var moe = engine.Describe().Moe!;
        Assert.Equal(["prose-0", "code-1", "prose-2", "law-3"], moe.Experts);
        Assert.Equal(["prose", "code", "law"], moe.DomainNames);
        Assert.Equal((2, 2, "top2", "fp32"), (moe.ExpertsPerToken, moe.Layers, moe.Router, moe.Precision));
        Assert.Equal([1, 2, 3, 4], moe.Choices);
        Assert.Equal([0], moe.SoftLayers);
    }

    private static async Task AloneAndTogether(ForestEngine engine, IReadOnlyList<GenerationRequest> requests)
    {
        var alone = new List<List<TokenEvent>>();
        foreach (var request in requests) alone.Add(await engine.Run(request));
        var together = await Task.WhenAll(requests.Select(engine.Run));
        for (var i = 0; i < requests.Count; i++)
        {
            Assert.Equal(alone[i].Tokens(), together[i].Tokens());
            for (var t = 0; t < alone[i].Count; t++) Assert.Equal(alone[i][t].LogProb, together[i][t].LogProb, 1e-5);
            Assert.Equal(alone[i][^1].Usage!.RoutedTokens, together[i][^1].Usage!.RoutedTokens);
        }

        await engine.AssertSound();
    }
}
