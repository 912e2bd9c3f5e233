using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Moe;
using Btx.Trainer.Networks;
using Btx.Trainer.Networks.Routers;
using TorchSharp;
using static Btx.Trainer.Tests.Networks.SmallMoe;
using static TorchSharp.torch;

namespace Btx.Trainer.Tests.Networks;

/// <summary>A BTX model in training: routing that learns, load balancing, capacity, samples.</summary>
public sealed class MoeTrainingTests
{
    public static TheoryData<string, double> Kinds
    {
        get
        {
            var data = new TheoryData<string, double>();
            foreach (var kind in RouterKind.Names)
            {
                data.Add(kind, 0);
                data.Add(kind, 0.3);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Sparse_dispatch_has_the_values_and_gradients_of_all_experts_on_all_tokens(string kind, double alpha)
    {
        using var scope = NewDisposeScope();
        var moe = NewMoe(layer: 1);
        moe.Settings = new MoeTraining { Router = kind, LoadBalancing = alpha, Seed = 4 };
        moe.Training = true;
        moe.At = (3000, 0);
        Tensor x = Input().requires_grad_(), direction = Input(9);
        var y = moe.Forward(x);
        var loss = (y * direction).sum();
        if (alpha > 0) loss = loss + moe.BalanceLoss!;
        else Assert.Null(moe.BalanceLoss);
        loss.backward();
        var parameters = moe.Parameters.ToArray();
        var sparse = parameters.Select(p => Gradient(p.Parameter)).Append(Gradient(x)).ToArray();
        foreach (var (_, parameter) in parameters) parameter.grad?.zero_();
        x.grad!.zero_();

        // The same decision, the gates' gradients written out.
        var reference = new MoeReference(moe);
        var logits = reference.Logits(x);
        var routed = tensor(moe.Routing!.Gates(), [Tokens, Experts]).gt(0).to(float32);
        var p = logits.softmax(-1);
        var gates = kind switch
        {
            RouterKind.TopK => Gates(logits, 2),
            RouterKind.Soft => p,
            RouterKind.Switch => p / p.detach() * routed,
            _ => (1 + Sampled(logits, routed, 3000, moe) - Sampled(logits, routed, 3000, moe).detach()) * routed,
        };
        var u = kind is RouterKind.TopK or RouterKind.Soft ? gates.mean([0]) : routed.mean([0]);
        var kept = kind == RouterKind.Switch ? gates * Kept(moe) : gates;
        var dense = reference.Forward(x, kept);
        Close(dense, y);
        var expected = (dense * direction).sum();
        if (alpha > 0) expected = expected + ((u * p.mean([0])).sum() * (alpha * Experts));
        Assert.Equal(expected.item<float>(), loss.item<float>(), 3);
        expected.backward();
        for (var i = 0; i < parameters.Length; i++) Close(Gradient(parameters[i].Parameter), sparse[i]);
        Close(Gradient(x), sparse[^1]);
        if (kind is not RouterKind.Soft) Assert.Contains(true, sparse[0].abs().gt(1e-4).data<bool>().ToArray());
    }

    [Fact]
    public void The_balance_loss_is_that_of_a_hand_computation()
    {
        using var scope = NewDisposeScope();
        var config = Config with { HiddenSize = 2, NumAttentionHeads = 1, Moe = new MoeConfig(3, 2) };
        var moe = NewMoe(config);
        Fill(moe, MoeConfig.RouterTensor, tensor([1f, 0f, 0f, 1f, 0f, 0f], [3, 2]));
        moe.Settings = new MoeTraining { LoadBalancing = 0.5 };
        moe.Training = true;
        // Logits (ln 2, 0, 0) and (0, ln 4, 0): p = (1/2, 1/4, 1/4) and (1/6, 4/6, 1/6); g over two = (2/3, 1/3, 0) and (1/5, 4/5, 0).
        moe.Forward(tensor([MathF.Log(2), 0f, 0f, MathF.Log(4)], [2, 2]));
        double[] u = [((2.0 / 3) + 0.2) / 2, ((1.0 / 3) + 0.8) / 2, 0], p = [(0.5 + (1.0 / 6)) / 2, (0.25 + (4.0 / 6)) / 2,
            (0.25 + (1.0 / 6)) / 2];
        Assert.Equal(0.5 * 3 * u.Zip(p, (a, b) => a * b).Sum(), moe.BalanceLoss!.item<float>(), 6);
        moe.Settings = moe.Settings with { Router = RouterKind.Switch };
        moe.Forward(tensor([MathF.Log(2), 0f, 0f, MathF.Log(4)], [2, 2]));
        Assert.Equal(0.5 * 3 * ((0.5 * p[0]) + (0.5 * p[1])), moe.BalanceLoss!.item<float>(), 6);
    }

    [Fact]
    public void Beyond_its_capacity_a_switch_expert_refuses_the_last_tokens_in_training_and_none_at_inference()
    {
        using var scope = NewDisposeScope();
        var moe = NewMoe();
        Fill(moe, MoeConfig.RouterTensor, zeros([Experts, Width])); // all to expert 0
        moe.Settings = new MoeTraining { Router = RouterKind.Switch };
        moe.Training = true;
        var x = Input();
        var trained = moe.Forward(x).abs().sum(1).data<float>().ToArray();
        const int capacity = 9; // ceil(1.5 · 29 / 5)
        Assert.All(trained[..capacity], v => Assert.True(v > 0));
        Assert.All(trained[capacity..], v => Assert.Equal(0, v));
        Assert.Equal([Tokens - capacity, 0, 0, 0, 0], moe.Routing!.Refused);
        Assert.Equal([Tokens, 0, 0, 0, 0], moe.Routing.TokensPerExpert());
        moe.Training = false;
        Assert.All(moe.Forward(x).abs().sum(1).data<float>().ToArray(), v => Assert.True(v > 0));
        Assert.Equal([0, 0, 0, 0, 0], moe.Routing!.Refused);
    }

    [Fact]
    public void A_sample_depends_on_seed_step_part_and_layer_alone_and_follows_the_softmax()
    {
        using var scope = NewDisposeScope();
        MoeFeedForward a = NewMoe(layer: 1), b = NewMoe(layer: 1), other = NewMoe(layer: 2);
        var x = Input().repeat_interleave(40, 0);
        string Draw(MoeFeedForward m, long seed, long step, int part)
        {
            m.Settings = new MoeTraining { Router = RouterKind.SampleTop1, Seed = seed };
            m.Training = true;
            m.At = (step, part);
            m.Forward(x);
            return string.Concat(m.Routing!.Gates());
        }

        var first = Draw(a, 1, 7, 0);
        foreach (var another in new[] { Draw(a, 2, 7, 0), Draw(a, 1, 8, 0), Draw(a, 1, 7, 1), Draw(other, 1, 7, 0) })
            Assert.NotEqual(first, another);
        manual_seed(123);
        Assert.Equal(first, Draw(b, 1, 7, 0));

        // argmax(logits + Gumbel) is a draw from softmax(logits), whatever the temperature.
        var expected = new MoeReference(a).Logits(x).softmax(-1).mean([0]).data<float>().ToArray();
        var share = b.Routing!.TokensPerExpert().Select(c => (double)c / (40 * Tokens)).ToArray();
        for (var e = 0; e < Experts; e++) Assert.InRange(share[e], expected[e] - 0.05, expected[e] + 0.05);
    }

    // The soft sample that made the hard one: softmax((logits + noise) / tau), the noise found again by its seed.
    private static Tensor Sampled(Tensor logits, Tensor routed, long step, MoeFeedForward moe)
    {
        using var generator = new Generator(new RouterDraw(moe.Settings!.Seed, step, 0, 1).GeneratorSeed);
        var noise = empty([Tokens, Experts]).uniform_(0, 1, generator).log().neg().log().neg();
        var noisy = logits + noise;
        Assert.Equal(MoeReference.Mask(noisy, 1).data<float>().ToArray(), routed.data<float>().ToArray());
        return (noisy / Math.Exp(-1e-4 * step)).softmax(-1);
    }

    // 1 for tokens that their expert took: each takes the first ones of the batch.
    private static Tensor Kept(MoeFeedForward moe)
    {
        var gates = moe.Routing!.Gates();
        var counts = new int[Experts];
        var kept = new float[Tokens];
        for (var i = 0; i < gates.Length; i++)
        {
            if (gates[i] > 0 && counts[i % Experts]++ < 9) kept[i / Experts] = 1;
        }

        Assert.Equal(Tokens - moe.Routing!.Refused.Sum(), kept.Sum());
        return tensor(kept, [Tokens, 1]);
    }

    private static Tensor Gradient(Tensor parameter) => (parameter.grad ?? zeros_like(parameter)).clone();
}
