using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Moe;
using Btx.Trainer.Networks;
using Btx.Trainer.Networks.Routers;
using Btx.Trainer.RoutingStatistics;
using TorchSharp;
using static Btx.Trainer.Tests.Networks.SmallMoe;
using static TorchSharp.torch;

namespace Btx.Trainer.Tests.Networks;

public sealed class MoeFeedForwardTests
{
    public static TheoryData<int> PerToken => [1, 2, 3, 5];

    [Theory]
    [MemberData(nameof(PerToken))]
    public void At_inference_it_is_the_softmax_over_the_k_largest_logits(int k)
    {
        using var scope = NewDisposeScope();
        var moe = NewMoe();
        moe.ExpertsPerToken = k;
        var x = Input();
        var y = moe.Forward(x);
        var reference = new MoeReference(moe);
        var gates = Gates(reference.Logits(x), k);
        Close(reference.Forward(x, gates), y);
        Close(gates, tensor(moe.Routing!.Gates(), [Tokens, Experts]));
        Assert.Null(moe.BalanceLoss);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Gates_equal_the_vocabulary_of_the_server_even_where_logits_are_equal(int k)
    {
        using var scope = NewDisposeScope();
        var moe = NewMoe();
        moe.ExpertsPerToken = k;
        Fill(moe, MoeConfig.RouterTensor, zeros([Experts, Width]));
        moe.Forward(Input());
        var expected = new double[Experts];
        expected.AsSpan(0, k).Fill(1.0 / k); // of equal logits the lower index counts as larger
        foreach (var row in moe.Routing!.Gates().Chunk(Experts)) Assert.Equal(expected.Select(g => (float)g), row);
    }

    [Fact]
    public void The_first_layer_of_sample_top1_stays_soft_after_training_and_the_others_take_the_largest()
    {
        using var scope = NewDisposeScope();
        MoeFeedForward first = NewMoe(layer: 0), second = NewMoe(layer: 1);
        foreach (var m in new[] { first, second }) m.Settings = new MoeTraining { Router = RouterKind.SampleTop1 };
        first.Forward(Input());
        second.Forward(Input());
        Assert.Equal(Experts, first.Routing!.PerToken);
        Assert.Equal(1, second.Routing!.PerToken);
        Assert.Equal(MoeReference.Mask(new MoeReference(second).Logits(Input()), 1).data<float>().ToArray(),
            second.Routing.Gates());
    }

    [Fact]
    public void Routing_counts_agree_with_the_gates()
    {
        using var scope = NewDisposeScope();
        var moe = NewMoe();
        moe.Forward(Input());
        var routing = moe.Routing!;
        var rows = routing.Gates().Chunk(Experts).ToArray();
        var tally = new RoutingTally(1, Experts);
        tally.Add(0, routing);
        for (var e = 0; e < Experts; e++)
        {
            Assert.Equal(rows.Count(r => r[e] > 0), routing.TokensPerExpert()[e]);
            Assert.Equal(rows.Sum(r => (double)r[e]), tally.GateShare(0, e) * Tokens, 9);
            Assert.Equal(rows.Count(r => r[e] == r.Max()) / (double)Tokens, tally.TopShare(0, e), 9);
        }

        Assert.Equal(1, Enumerable.Range(0, Experts).Sum(e => tally.GateShare(0, e)), 4);
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        var moe = NewMoe();
        Assert.Contains("choose 1..5", Assert.Throws<BtxException>(() => moe.ExpertsPerToken = 6).Message, StringComparison.Ordinal);
        Assert.Contains("--k 0", Assert.Throws<BtxException>(() => moe.Settings = new() { ExpertsPerToken = 0 }).Message,
            StringComparison.Ordinal);
        Assert.Contains("top2, switch", Assert.Throws<BtxException>(() => moe.Settings = new() { Router = "hash" }).Message,
            StringComparison.Ordinal);
        Assert.Contains("--load-balancing",
            Assert.Throws<BtxException>(() => moe.Settings = new() { LoadBalancing = double.NaN }).Message, StringComparison.Ordinal);
    }
}
