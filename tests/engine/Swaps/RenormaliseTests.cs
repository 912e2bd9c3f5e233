using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Swaps;

/// <summary>An expert leaves under running requests: from the next step on they go on as in a forest that never had it.</summary>
public sealed class RenormaliseTests
{
    internal const int Tokens = 30;

    internal static readonly ForestChange WithoutOne = new() { Remove = ["expert-1"] };

    public static TheoryData<string, int> Moments { get; } = new()
    {
        { "ensemble", 0 }, { "ensemble", 4 }, { "ensemble", 8 }, { "ensemble", 20 }, { "last_token", 15 }, { "switching", 15 },
            { "fixed", 15 }, { "prior", 15 }, { "prior", 4 }, { "top_3", 12 }, { "top_2", 4 },
        { "top_1", 4 }, { "top_p", 4 }, { "reroute", 4 },
    };

    private static Routing Mode(string name) => name switch
    {
        "fixed" => new Routing { Posterior = PosteriorKind.Fixed, PriorDomain = "expert-0" },
        "prior" => new Routing { PriorDomain = "expert-0" },
        "top_3" => TopK(3),
        "top_2" => TopK(2),
        "reroute" => TopK(1) with { RerouteInterval = 4 },
        _ => ForestEngineTests.Mode(name),
    };

    /// <summary>What a forest without expert-1 says from some token on, index j of the arrays as in the forest with it.</summary>
    internal static async Task<List<TokenEvent>> Without(Routing routing, int[] prompt, int tokens)
    {
        await using var rest = new FakeForest(seeds: [1, 3], names: ["expert-0", "expert-2"]);
        return await rest.Engine.Run(Request(routing with { K = Math.Min(2, routing.K) }, tokens, prompt));
    }

    internal static void AssertEqual(IReadOnlyList<TokenEvent> expected, IReadOnlyList<TokenEvent> actual)
    {
        Assert.Equal(expected.Tokens(), actual.Tokens());
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i].LogProb, actual[i].LogProb, 1e-6); // a prompt's likelihoods are fp32
            Assert.Equal([expected[i].Posterior![0], 0, expected[i].Posterior![1]], actual[i].Posterior!, Near);
            Assert.Equal([expected[i].Contribution![0], 0, expected[i].Contribution![1]], actual[i].Contribution!, Near);
        }
    }

    private static bool Near(double a, double b) => Math.Abs(a - b) < 1e-6;

    /// <summary>How many tokens came while expert-1 was there.</summary>
    internal static int Before(FakeModelRunner removed, int prompt) =>
        Math.Max(0, removed.Runs.Max(r => r.Max(row => row.Past + row.Count)) - prompt + 1);

    [Theory]
    [MemberData(nameof(Moments))]
    public async Task Tokens_after_a_removal_are_those_of_a_forest_without_it(string mode, int past)
    {
        await using var forest = new FakeForest();
        var swap = forest.SwapWhen(forest.Experts[1], past, WithoutOne);
        var request = Request(Mode(mode), Tokens);
        var events = await forest.Engine.Run(request);
        var report = await swap;
        Assert.True(forest.Experts[1].Disposed);
        Assert.Equal((1, 0, 0, 0), (report.Renormalised, report.Drained, report.Ended, report.Aborted));
        Assert.Equal(Tokens, events.Count);
        Assert.Equal(FinishReason.Length, events[^1].Finish);
        Assert.All(events, e => Assert.Equal(["expert-0", "expert-1", "expert-2"], e.Forest!.Experts));

        // A chunk of the prompt that did not reach its end gave no token.
        var ran = forest.Experts[1].Runs.Max(r => r.Max(row => row.Past + row.Count));
        var given = Math.Max(0, ran - request.Prompt.Length + 1);
        var expected = await Without(Mode(mode), [.. request.Prompt, .. events.Take(given).Tokens()], Tokens - given);
        AssertEqual(expected, [.. events.Skip(given)]);
        Assert.Equal(["expert-0", "expert-2"], forest.Engine.Describe().Experts);
        await forest.Engine.AssertSound();
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(1, true)]
    public async Task The_set_is_filled_from_the_rest_after_they_caught_up(int k, bool last)
    {
        var routing = TopK(k) with { Posterior = last ? PosteriorKind.LastToken : PosteriorKind.FullPrefix };
        await using var probe = new FakeForest();
        var prompt = Enumerable.Range(0, 100).Select(i => new[] { 256, 80 + i, 101, 32, 99 })
            .First(p => probe.Engine.Run(Request(routing, 1, p)).Result[0].Posterior![1] > 0);

        await using var forest = new FakeForest();
        var swap = forest.SwapWhen(forest.Experts[1], 14, WithoutOne);
        var events = await forest.Engine.Run(Request(routing, Tokens, prompt));
        Assert.Equal(1, (await swap).Refilled);
        Assert.Equal(Tokens, events.Count);
        var given = Before(forest.Experts[1], prompt.Length);
        AssertEqual(await Without(routing, [.. prompt, .. events.Take(given).Tokens()], Tokens - given), [.. events.Skip(given)]);
        Assert.True(events[given - 1].Posterior![1] > 0);
        Assert.Equal(k, events[given].Posterior!.Count(w => w > 0));
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task A_member_that_was_not_active_is_not_missed()
    {
        await using var probe = new FakeForest();
        var prompt = Enumerable.Range(0, 100).Select(i => new[] { 256, 80 + i, 101, 32, 99 })
            .First(p => probe.Engine.Run(Request(TopK(1), 1, p)).Result[0].Posterior![0] > 0);
        var expected = await probe.Engine.Run(Request(TopK(1), Tokens, prompt));
        await using var forest = new FakeForest();
        var swap = forest.SwapWhen(forest.Experts[0], 14, WithoutOne);
        var events = await forest.Engine.Run(Request(TopK(1), Tokens, prompt));
        Assert.Equal((1, 0), ((await swap).Renormalised, (await swap).Refilled));
        Assert.Equal(expected.Tokens(), events.Tokens());
        Assert.Equal(expected.Select(e => e.Posterior), events.Select(e => e.Posterior));
        Assert.Equal(expected[^1].Usage!.ExpertSteps, events[^1].Usage!.ExpertSteps);
    }

    [Fact]
    public async Task Who_needs_a_slot_that_is_taken_waits_for_it_and_goes_on()
    {
        await using var forest = new FakeForest(change: o => o with { Slots = 1, MaxBatchTokens = 4 });
        await using var probe = new FakeForest();
        var prompt = Enumerable.Range(0, 100).Select(i => new[] { 256, 80 + i, 101, 32, 99 })
            .First(p => probe.Engine.Run(Request(TopK(1), 1, p)).Result[0].Posterior![1] > 0);
        using var sent = new ManualResetEventSlim();
        var swap = forest.SwapWhen(forest.Experts[1], 14, WithoutOne, sent: sent);
        var first = forest.Engine.Generate(Request(TopK(1), Tokens, prompt), TestContext.Current.CancellationToken);
        var second = forest.Engine.Run(Request(Expert("expert-0"), 50)); // takes the one slot there when the first has left it
        var third = forest.Engine.Run(Request(Expert("expert-2"), 50));
        sent.Set();
        var events = await first.Read();
        Assert.Equal(1, (await swap).Refilled);
        Assert.Equal(Tokens, events.Count);
        var given = Before(forest.Experts[1], prompt.Length);
        AssertEqual(await Without(TopK(1), [.. prompt, .. events.Take(given).Tokens()], Tokens - given), [.. events.Skip(given)]);
        Assert.Equal(50, (await second).Count);
        Assert.Equal(50, (await third).Count);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task A_request_for_the_expert_by_name_ends_and_says_why()
    {
        await using var forest = new FakeForest();
        var swap = forest.SwapWhen(forest.Experts[1], 12, WithoutOne);
        var events = await forest.Engine.Run(Request(Expert("expert-1"), Tokens));
        Assert.Equal((0, 1), ((await swap).Renormalised, (await swap).Ended));
        Assert.Equal(FinishReason.Removed, events[^1].Finish);
        Assert.Equal("expert \"expert-1\" was removed from the forest while the request ran on it", events[^1].Message);
        Assert.Equal(6, events[^1].Usage!.CompletionTokens);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task A_request_goes_on_with_the_one_expert_that_is_left()
    {
        await using var forest = new FakeForest();
        var swap = forest.SwapWhen(forest.Experts[1], 12, new ForestChange { Remove = ["expert-1", "expert-0"] });
        var request = Request(new Routing(), Tokens);
        var events = await forest.Engine.Run(request);
        await swap;
        var given = Before(forest.Experts[1], request.Prompt.Length);
        await using var one = new FakeForest(seeds: [3], names: ["expert-2"]);
        var expected = await one.Engine.Run(request with
        { Prompt = [.. request.Prompt, .. events.Take(given).Tokens()], MaxTokens = Tokens - given });
        Assert.Equal(expected.Tokens(), events.Skip(given).Tokens());
        Assert.All(events.Skip(given), e => Assert.Equal([0.0, 0, 1], e.Posterior!));
    }

    [Fact]
    public async Task An_average_moves_to_the_new_one()
    {
        await using var forest = new FakeForest();
        var routing = new Routing { Mode = RoutingMode.Average };
        await forest.Engine.Run(Request(routing, 1));
        var old = Assert.Single(forest.Averages);
        var swap = forest.SwapWhen(old, 12, WithoutOne);
        var request = Request(routing, Tokens);
        var events = await forest.Engine.Run(request);
        var report = await swap;
        Assert.Equal(1, report.Moved);
        Assert.Equal(2 * 1110, report.BytesReturned); // the expert and the average
        Assert.True(old.Disposed);
        var given = Before(old, request.Prompt.Length);
        var expected = await Without(routing, [.. request.Prompt, .. events.Take(given).Tokens()], Tokens - given);
        Assert.Equal(expected.Tokens(), events.Skip(given).Tokens());
        Assert.Equal([1 / 3.0, 1 / 3.0, 1 / 3.0], events[0].Posterior!, Near);
        Assert.Equal([0.5, 0, 0.5], events[^1].Posterior!, Near);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task A_score_leaves_the_expert_out_and_says_so()
    {
        await using var forest = new FakeForest();
        var swap = forest.SwapWhen(forest.Experts[1], 8, WithoutOne);
        int[] text = [256, .. Enumerable.Range(40, 30)];
        var score = await forest.Engine.ScoreAsync(new ScoreRequest(text, TopK(3)), TestContext.Current.CancellationToken);
        await swap;
        Assert.Equal(["expert-1"], score.Removed);
        Assert.Equal(["expert-0", "expert-1", "expert-2"], score.Forest!.Experts);
        Assert.Null(score.ExpertLogProbs[1]);
        Assert.All(score.Posterior[1], w => Assert.Equal(0, w));
        await using var rest = new FakeForest(seeds: [1, 3], names: ["expert-0", "expert-2"]);
        var expected = await rest.Engine.ScoreAsync(new ScoreRequest(text, TopK(2)), TestContext.Current.CancellationToken);
        Assert.Equal(expected.LogProbs, score.LogProbs);
        Assert.Equal(expected.Posterior, [score.Posterior[0], score.Posterior[2]]);
    }

    [Fact]
    public async Task Removal_during_a_catch_up()
    {
        await using var forest = new FakeForest();
        var routing = TopK(1) with { RerouteInterval = 6 };
        var prompt = Enumerable.Range(0, 100).Select(i => new[] { 256, 80 + i, 101, 32, 99 })
            .First(p => forest.Engine.Run(Request(routing, 1, p)).Result[0].Posterior![0] > 0);
        var swap = forest.SwapWhen(forest.Experts[1], 8, WithoutOne); // 5 tokens are the prompt's; more come with the first re-route
        var events = await forest.Engine.Run(Request(routing, Tokens, prompt));
        Assert.Equal(1, (await swap).Renormalised);
        var given = 6; // chosen again then
        AssertEqual(await Without(routing, [.. prompt, .. events.Take(given).Tokens()], Tokens - given), [.. events.Skip(given)]);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task Mode_moe_moves_to_the_new_mixture()
    {
        await using var forest = new FakeForest();
        var swap = forest.SwapWhen(forest.Moe, 12, new ForestChange { Moe = "78" });
        var request = Request(Moe(2), Tokens);
        var events = await forest.Engine.Run(request);
        Assert.Equal(1, (await swap).Moved);
        Assert.True(forest.Moe.Disposed);
        var given = Before(forest.Moe, request.Prompt.Length);
        Assert.Equal(Tokens, events.Count);
        Assert.All(events.Skip(given), e => Assert.Equal((3, 3), (e.Gates!.Experts, e.Forest!.Moe!.Experts.Count)));
        Assert.All(events.Take(given), e => Assert.Equal((4, 4), (e.Gates!.Experts, e.Forest!.Moe!.Experts.Count)));
        var expected = await forest.Engine.Run(request with
        { Prompt = [.. request.Prompt, .. events.Take(given).Tokens()], MaxTokens = Tokens - given });
        Assert.Equal(expected.Tokens(), events.Skip(given).Tokens());
        await forest.Engine.AssertSound();
    }
}
