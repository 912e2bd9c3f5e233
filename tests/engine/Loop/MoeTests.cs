using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Loop;

/// <summary>Mode moe over exact fakes: a BTX model in the same loop as a forest.</summary>
public sealed class MoeTests
{
    private static CancellationToken None => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_of_different_k_and_mode_share_steps_and_each_gets_what_it_gets_alone()
    {
        await using var forest = new FakeForest();
        var requests = new[] { Moe(1), Moe(2), Moe(3),
            Moe(4) }.Select((r, i) => Request(r, 20, [256, .. Enumerable.Range(40 + i, 3 + (5 * i))])).ToList();
        var alone = new List<List<TokenEvent>>();
        foreach (var request in requests) alone.Add(await forest.Engine.Run(request));
        forest.Moe.Runs.Clear();
        var beside = forest.Engine.Run(Request(new Routing(), 30));
        var together = await Task.WhenAll(requests.Select(forest.Engine.Run));
        await beside;
        Assert.Contains(forest.Moe.Runs, rows => rows.Select(r => r.ExpertsPerToken).Distinct().Count() == 4);
        for (var i = 0; i < requests.Count; i++)
        {
            Assert.Equal(alone[i].Tokens(), together[i].Tokens());
            Assert.Equal(alone[i].Select(e => e.LogProb), together[i].Select(e => e.LogProb));
            Assert.Equal(alone[i].Select(e => e.Gates!.Values), together[i].Select(e => e.Gates!.Values));
        }

        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task Every_token_runs_on_k_experts_of_every_layer_and_none_is_dropped()
    {
        var observer = new RecordingObserver();
        await using var forest = new FakeForest(change: o => o with { Observer = observer });
        var events = await forest.Engine.Run(Request(Moe(3), 10));
        Assert.All(events, e =>
        {
            Assert.Null(e.Posterior);
            Assert.Null(e.Contribution);
            Assert.Equal(FakeForest.Layers, e.Gates!.Layers);
            foreach (var layer in e.Gates.Values.Chunk(4))
            {
                Assert.Equal(3, layer.Count(g => g > 0));
                Assert.Equal(1, layer.Sum(), 1e-6);
            }
        });
        await forest.Engine.AssertSound(); // the last step has been reported
        var computed = 8 + 10 - 1; // the last token is drawn, not run
        Assert.Equal(computed * 3, events[^1].Usage!.RoutedTokens.Sum());
        Assert.Equal([0, 0, 0], events[^1].Usage!.ExpertSteps);
        Assert.Equal(FakeForest.Layers * 4, observer.RoutedTokens.Length);
        foreach (var layer in observer.RoutedTokens.Chunk(4)) Assert.Equal(computed * 3, layer.Sum());
        foreach (var layer in observer.GateMass.Chunk(4)) Assert.Equal(computed, layer.Sum(), 1e-5);
        Assert.Equal(0, observer.Mass.Sum());
        Assert.Equal("moe", observer.Requests[0].Mode);
    }

    [Fact]
    public async Task Gates_are_reported_only_on_request()
    {
        await using var forest = new FakeForest();
        Assert.All(await forest.Engine.Run(Request(Moe(2)) with { ReportExperts = false }), e => Assert.Null(e.Gates));
        Assert.All(await forest.Engine.Run(Request(new Routing())), e => Assert.Null(e.Gates));
        Assert.Null((await forest.Engine.ScoreAsync(new ScoreRequest([1, 2, 3], Moe(2)), None)).Gates);
    }

    [Fact]
    public async Task Scoring_gives_what_generation_gave()
    {
        await using var forest = new FakeForest();
        var request = Request(Moe(2), 15);
        var events = await forest.Engine.Run(request);
        var score = await forest.Engine.ScoreAsync(new ScoreRequest([.. request.Prompt, .. events.Tokens()], Moe(2),
            ReportExperts: true), None);
        Assert.Empty(score.Posterior);
        Assert.Equal(score.LogProbs.Length, score.Gates!.Length);
        for (var i = 0; i < events.Count; i++)
        {
            Assert.Equal(score.LogProbs[request.Prompt.Length - 1 + i], events[i].LogProb, 1e-6);
            Assert.Equal(score.Gates[request.Prompt.Length - 1 + i].Values, events[i].Gates!.Values);
        }
    }

    [Fact]
    public async Task Gates_by_domain_sum_over_experts_and_average_over_layers()
    {
        await using var forest = new FakeForest();
        foreach (var e in await forest.Engine.Run(Request(Moe(2))))
        {
            var shares = e.Gates!.ByDomain(FakeForest.MoeDescription);
            Assert.Equal(["prose", "code", "law"], FakeForest.MoeDescription.DomainNames);
            Assert.Equal(1, shares.Sum(), 1e-6);
            Assert.Equal((e.Gates.Values[0] + e.Gates.Values[2] + e.Gates.Values[4] + e.Gates.Values[6]) / 2, shares[0], 1e-6);
        }
    }

    [Fact]
    public async Task Cancellation_and_failure_free_the_slots_and_spare_the_forest()
    {
        await using var forest = new FakeForest();
        using var cancel = new CancellationTokenSource();
        forest.Moe.Before = (rows, _) =>
        {
            if (rows[0].Past == 12) cancel.Cancel();
        };
        var events = await forest.Engine.Generate(Request(Moe(2), 40), cancel.Token).Read();
        Assert.Equal(FinishReason.Cancelled, events[^1].Finish);
        await forest.Engine.AssertSound();

        forest.Moe.Before = (_, _) => throw new InvalidOperationException("out of device memory");
        var healthy = forest.Engine.Run(Request(new Routing(), 20));
        await Assert.ThrowsAsync<InvalidOperationException>(() => forest.Engine.Run(Request(Moe(1), 20)));
        Assert.Equal(20, (await healthy).Count);

        forest.Moe.Before = static (_, _) => { };
        forest.Moe.Damaged = true;
        Assert.Contains("the BTX model gives logits",
            (await Assert.ThrowsAsync<Btx.Model.BtxException>(() => forest.Engine.Run(Request(Moe(1))))).Message, StringComparison.Ordinal);
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task Ends_before_a_stop_string_and_at_the_context()
    {
        await using var forest = new FakeForest(context: 20);
        forest.Moe.Certain = n => n < 8 ? null : "abcdefghijklmnopqrst"[n - 8]; // a byte's token is the byte
        var stopped = await forest.Engine.Run(Request(Moe(2), 12) with { Stop = ["fgh"] });
        Assert.Equal(("abcde", FinishReason.Stop), (string.Concat(stopped.Select(e => e.Text)), stopped[^1].Finish));
        var clamped = await forest.Engine.Run(Request(Moe(2), int.MaxValue));
        Assert.Equal((12, FinishReason.Length), (clamped.Count, clamped[^1].Finish));
        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task Draining_lets_routed_requests_finish()
    {
        await using var forest = new FakeForest();
        var running = Enumerable.Range(0, 6).Select(i => forest.Engine.Run(Request(Moe(1 + (i % 4)), 30))).ToList();
        await forest.Engine.DrainAsync(CancellationToken.None);
        foreach (var events in await Task.WhenAll(running)) Assert.Equal(30, events.Count);
        await forest.Engine.AssertSound();
        await forest.DisposeAsync();
        Assert.True(forest.Moe.Disposed);
    }

    [Fact]
    public async Task A_mixture_is_served_without_a_forest()
    {
        await using var alone = new FakeForest(experts: 0);
        await using var beside = new FakeForest();
        Assert.Equal((await beside.Engine.Run(Request(Moe(2)))).Tokens(), (await alone.Engine.Run(Request(Moe(2)))).Tokens());
        var refused = Assert.Throws<RequestRejectedException>(() => alone.Engine.Generate(Request(new Routing()), None));
        Assert.Equal((ErrorKind.Missing, "only a BTX model is loaded, no forest; use mode moe"), (refused.Kind, refused.Message));
        await alone.Engine.AssertSound();
    }
}
