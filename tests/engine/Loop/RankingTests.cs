using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Loop;

/// <summary>The most probable tokens at each position of a scored text are those that generation would have drawn from there.</summary>
public sealed class RankingTests
{
    private static readonly int[] s_text = [256, .. Enumerable.Range(40, 30)];

    public static TheoryData<Routing> Routings => new(
        new Routing(), new Routing { Posterior = PosteriorKind.LastToken },
            new Routing { Posterior = PosteriorKind.Fixed, PriorDomain = "expert-0" },
        new Routing { Posterior = PosteriorKind.Switching, SwitchingRate = 0.1 }, Expert("expert-2"), Moe(2),
            new Routing { Mode = RoutingMode.Average });

    [Theory]
    [MemberData(nameof(Routings))]
    public async Task Every_position_is_ranked_as_generation_ranks_it(Routing routing)
    {
        await using var forest = new FakeForest();
        var score = await ScoreAsync(forest, s_text, routing, 5);
        Assert.Equal(s_text.Length - 1, score.Top.Count);
        for (var t = 0; t < score.Top.Count; t++)
        {
            var drawn = (await forest.Engine.Run(Request(routing, 1, s_text[..(t + 1)]) with { TopLogProbs = 5 }))[0];
            Assert.Equal(drawn.Top.Select(a => a.Token), score.Top[t].Select(a => a.Token));
            Assert.Equal(drawn.Top.Select(a => a.LogProb), score.Top[t].Select(a => a.LogProb), (a, b) => Math.Abs(a - b) < 1e-6);
        }

        var plain = await forest.Engine.ScoreAsync(new ScoreRequest(s_text, routing), TestContext.Current.CancellationToken);
        Assert.Equal(plain.LogProbs, score.LogProbs, (a, b) => Math.Abs(a - b) < 1e-6); // its likelihoods are fp32
        await forest.Engine.AssertSound();
    }

    [Theory]
    [InlineData(RoutingMode.TopK, SelectForm.PerToken)]
    [InlineData(RoutingMode.TopK, SelectForm.Prompt)]
    [InlineData(RoutingMode.TopP, SelectForm.PerToken)]
    public async Task A_ranked_token_of_the_text_has_the_texts_own_score(RoutingMode mode, SelectForm select)
    {
        await using var forest = new FakeForest();
        var routing = new Routing { Mode = mode, K = 2, P = 0.6, Select = select, SelectTokens = 8 };
        var first = await ScoreAsync(forest, s_text, routing, 20);
        int[] likely = [.. s_text[..10], first.Top[9][0].Token, first.Top[9][1].Token, .. s_text[12..]];
        var score = await ScoreAsync(forest, likely, routing, 20);
        Assert.Equal(score.LogProbs[9], score.Top[9].Single(a => a.Token == likely[10]).LogProb, 1e-9);
        Assert.All(score.Top, top => Assert.Equal(20, top.Select(a => a.Token).Distinct().Count()));
    }

    [Fact]
    public async Task Members_go_in_step_beside_requests_that_use_some_of_them()
    {
        await using var forest = new FakeForest();
        var alone = await ScoreAsync(forest, s_text, new Routing(), 3);
        var others = Enumerable.Range(0, 3)
            .Select(i => forest.Engine.Run(Request(Expert($"expert-{i % 2}"), 20, [256, .. Enumerable.Range(60 + i, 12)]))).ToArray();
        var together = await ScoreAsync(forest, s_text, new Routing(), 3);
        await Task.WhenAll(others);
        Assert.Equal(alone.Top.SelectMany(top => top), together.Top.SelectMany(top => top));
    }

    [Fact]
    public async Task Nothing_of_an_expert_that_left_meanwhile_is_in_the_ranking()
    {
        await using var forest = new FakeForest();
        var swap = forest.SwapWhen(forest.Experts[1], 8, new ForestChange { Remove = ["expert-1"] });
        var score = await ScoreAsync(forest, s_text, TopK(3), 5);
        await swap;
        Assert.Equal(["expert-1"], score.Removed);
        await using var rest = new FakeForest(seeds: [1, 3], names: ["expert-0", "expert-2"]);
        var expected = await ScoreAsync(rest, s_text, TopK(2), 5);
        Assert.Equal(expected.Top.SelectMany(top => top), score.Top.SelectMany(top => top));
        Assert.Equal(expected.LogProbs, score.LogProbs);
        await forest.Engine.AssertSound();
    }

    private static Task<ScoreResult> ScoreAsync(FakeForest forest, int[] text, Routing routing, int top) =>
        forest.Engine.ScoreAsync(new ScoreRequest(text, routing) { TopLogProbs = top }, TestContext.Current.CancellationToken);
}
