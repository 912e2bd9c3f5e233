using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;
using static Btx.Engine.Tests.Swaps.RenormaliseTests;

namespace Btx.Engine.Tests.Swaps;

/// <summary>An expert that a probe chose leaves, at every point of a request.</summary>
public sealed class ProbeRemovalTests
{
    [Theory]
    [InlineData(1, 0, 0)] // all read the probe
    [InlineData(1, 4, 0)] // it has chosen
    [InlineData(1, 8, 0)] // the chosen reads the rest of the prompt
    [InlineData(2, 8, 0)]
    [InlineData(1, 8, 5)]
    [InlineData(1, 20, 0)]
    [InlineData(2, 20, 0)]
    [InlineData(1, 18, 5)]
    public async Task Who_was_chosen_by_a_probe_and_leaves_is_replaced_as_if_it_had_never_been_there(int k, int past, int reroute)
    {
        const int Prompt = 16;
        var routing = Probe(TopK(k), 6) with { RerouteInterval = reroute };
        await using var probe = new FakeForest();
        var prompt = Enumerable.Range(0, 100).Select(i => (int[])[256, 80 + i, .. Enumerable.Range(32, Prompt - 2)])
            .First(p => probe.Engine.Run(Request(routing, 1, p)).Result[0].Posterior![1] > 0);

        await using var forest = new FakeForest();
        var swap = forest.SwapWhen(forest.Experts[1], past, WithoutOne);
        var events = await forest.Engine.Run(Request(routing, Tokens, prompt));
        Assert.Equal(past == 0 ? 0 : 1, (await swap).Refilled);
        Assert.Equal(Tokens, events.Count);
        var given = Before(forest.Experts[1], Prompt);
        if (past >= Prompt && reroute > 0) routing = routing with { Router = ExpertRouter.All }; // chosen again as at every interval
        AssertEqual(await Without(routing, [.. prompt, .. events.Take(given).Tokens()], Tokens - given), [.. events.Skip(given)]);
        await forest.Engine.AssertSound();
    }
}
