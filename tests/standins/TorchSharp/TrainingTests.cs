using System.Runtime.InteropServices;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Btx.Standins.Tests.TorchSharpPackage;

/// <summary>Autograd, the optimiser, random state.</summary>
public sealed class TrainingTests
{
    [Fact]
    public void Gradients_of_a_product()
    {
        using var scope = NewDisposeScope();
        var w = nn.Parameter(tensor([2f, 3f]));
        Assert.Null(w.grad);
        (w * w).sum().backward();
        Assert.Equal([4f, 6f], w.grad!.data<float>().ToArray());
        (w * w).sum().backward();
        Assert.Equal([8f, 12f], w.grad!.data<float>().ToArray());
    }

    [Fact]
    public void No_gradient_is_recorded_under_no_grad_or_inference_mode()
    {
        using var scope = NewDisposeScope();
        var w = nn.Parameter(ones([2]));
        using (no_grad()) Assert.False((w * 2).requires_grad);
        using (inference_mode()) Assert.False((w * 2).requires_grad);
        Assert.True((w * 2).requires_grad);
        Assert.ThrowsAny<ExternalException>(() => ones([2]).sum().backward());
    }

    [Fact]
    public void Cross_entropy_ignores_and_averages()
    {
        using var scope = NewDisposeScope();
        var logits = tensor([0f, 0f, 1f, 3f, 5f, 5f], [3, 2]);
        var target = tensor([0L, 1L, -100L]);
        var expected = new[] { Math.Log(2), Math.Log(1 + Math.Exp(-2)) };
        Assert.Equal(expected.Average(), F.cross_entropy(logits, target).item<float>(), 5);
        var each = F.cross_entropy(logits, target, reduction: nn.Reduction.None).data<float>().ToArray();
        Assert.Equal(expected[1], each[1], 5);
        Assert.Equal(0f, each[2]);
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 7)]
    public void Causal_attention_equals_its_definition_with_gradients(int batch, int length)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        Tensor Leaf() => randn([batch, 2, length, 4], generator: generator).requires_grad_();
        Tensor q = Leaf(), k = Leaf(), v = Leaf(), weight = randn([batch, 2, length, 4], generator: generator);
        (F.scaled_dot_product_attention(q, k, v, is_casual: true) * weight).sum().backward();
        var got = new[] { q.grad!.clone(), k.grad!.clone(), v.grad!.clone() };
        foreach (var leaf in new[] { q, k, v }) leaf.grad = null;

        var mask = full([length, length], double.NegativeInfinity, float32).triu(1);
        var scores = (q.matmul(k.transpose(2, 3)) / Math.Sqrt(4)) + mask;
        (scores.softmax(-1).matmul(v) * weight).sum().backward();
        Assert.True(got[0].allclose(q.grad!, 1e-4, 1e-5));
        Assert.True(got[1].allclose(k.grad!, 1e-4, 1e-5));
        Assert.True(got[2].allclose(v.grad!, 1e-4, 1e-5));
    }

    [Fact]
    public void Attention_with_a_given_mask()
    {
        using var scope = NewDisposeScope();
        Tensor q = randn([1, 1, 3, 4]), k = randn([1, 1, 3, 4]), v = randn([1, 1, 3, 4]);
        var mask = full([3, 3], double.NegativeInfinity, float32).triu(1);
        Assert.True(F.scaled_dot_product_attention(q, k, v, mask).allclose(F.scaled_dot_product_attention(q, k, v, is_casual: true), 1e-5, 1e-6));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AdamW_follows_its_formula(bool amsgrad)
    {
        const double lr = 0.1, b1 = 0.9, b2 = 0.98, eps = 1e-8, decay = 0.05;
        using var scope = NewDisposeScope();
        var w = nn.Parameter(tensor([1f, -2f, 0.5f]));
        using var optimizer = optim.AdamW([w], lr, b1, b2, eps, decay, amsgrad);
        double[] p = [1, -2, 0.5], m = new double[3], v = new double[3], top = new double[3];
        for (var step = 1; step <= 5; step++)
        {
            optimizer.zero_grad();
            (w * w * w).sum().backward();
            optimizer.step();
            for (var i = 0; i < 3; i++)
            {
                var g = 3 * p[i] * p[i];
                p[i] *= 1 - (lr * decay);
                m[i] = (b1 * m[i]) + ((1 - b1) * g);
                v[i] = (b2 * v[i]) + ((1 - b2) * g * g);
                top[i] = Math.Max(top[i], v[i]);
                p[i] -= lr / (1 - Math.Pow(b1, step)) * m[i] / (Math.Sqrt((amsgrad ? top[i] : v[i]) / (1 - Math.Pow(b2, step))) + eps);
            }

            var got = w.data<float>().ToArray();
            for (var i = 0; i < 3; i++) Assert.Equal(p[i], got[i], 4);
        }
    }

    [Fact]
    public void Optimiser_state_goes_through_a_file()
    {
        var file = Path.Combine(Path.GetTempPath(), $"btx-{Guid.NewGuid():N}.bin");
        try
        {
            using var scope = NewDisposeScope();
            Parameter a = nn.Parameter(tensor([1f, 2f])), b = nn.Parameter(tensor([1f, 2f]));
            using var first = optim.AdamW([a], 0.1);
            using var second = optim.AdamW([b], 0.5);
            Step(a, first);
            foreach (var group in first.ParamGroups) group.LearningRate = 0.25;
            first.save_state_dict(file);
            second.load_state_dict(file);
            Assert.Equal(0.25, second.ParamGroups.Single().LearningRate);
            using (no_grad()) b.copy_(a);
            Step(a, first);
            Step(b, second);
            Assert.Equal(a.data<float>().ToArray(), b.data<float>().ToArray());

            using var other = optim.AdamW([a, b], 0.1);
            Assert.Throws<ArgumentException>(() => other.load_state_dict(file));
        }
        finally
        {
            File.Delete(file);
        }

        static void Step(Parameter p, AdamW optimizer)
        {
            optimizer.zero_grad();
            (p * p).sum().backward();
            optimizer.step();
        }
    }

    [Fact]
    public void Groups_have_their_own_rate_and_a_parameter_without_gradient_stays()
    {
        using var scope = NewDisposeScope();
        Parameter fast = nn.Parameter(ones([1])), slow = nn.Parameter(ones([1])), idle = nn.Parameter(ones([1]));
        using var optimizer = optim.AdamW([new AdamW.ParamGroup([fast], lr: 0.1), new AdamW.ParamGroup([slow, idle], lr: 0.01)]);
        (fast + slow).sum().backward();
        optimizer.step();
        Assert.Equal(0.9f, fast.item<float>(), 4);
        Assert.Equal(0.99f, slow.item<float>(), 4);
        Assert.Equal(1f, idle.item<float>());
    }

    [Fact]
    public void Clipping_scales_the_joint_norm_and_returns_the_old_one()
    {
        using var scope = NewDisposeScope();
        Parameter a = nn.Parameter(zeros([2])), b = nn.Parameter(zeros([50_000]));
        a.grad = tensor([3f, 0f]);
        b.grad = full([50_000], 4.0 / Math.Sqrt(50_000), float32);
        Assert.Equal(5.0, nn.utils.clip_grad_norm_([a, b], 1.0), 4);
        Assert.Equal(0.6f, a.grad!.data<float>()[0], 4);
        Assert.Equal(1.0, Math.Sqrt(a.grad!.pow(2).sum().item<float>() + b.grad!.pow(2).sum().item<float>()), 4);
        Assert.Equal(1.0, nn.utils.clip_grad_norm_([a, b], 10.0), 4);
        Assert.Equal(0.6f, a.grad!.data<float>()[0], 4);
    }

    [Fact]
    public void Random_state_repeats_what_follows_it()
    {
        using var scope = NewDisposeScope();
        manual_seed(11);
        var state = random.get_rng_state();
        var first = randn([5]).data<float>().ToArray();
        random.set_rng_state(state);
        Assert.Equal(first, randn([5]).data<float>().ToArray());
        using var g = new Generator(7);
        var own = randn([5], generator: g).data<float>().ToArray();
        using var h = new Generator(7);
        Assert.Equal(own, zeros([5]).normal_(0, 1, h).data<float>().ToArray());
        Assert.NotEqual(first, own);
    }

    [Fact]
    public void A_parameter_takes_over_its_data()
    {
        using var data = ones([2]);
        using var p = new Parameter(data);
        Assert.True(data.IsInvalid);
        Assert.True(p.requires_grad);
        Assert.Equal(2f, p.sum().item<float>());
    }

    [Fact]
    public void Threads_can_be_set()
    {
        var before = get_num_threads();
        set_num_threads(2);
        Assert.Equal(2, get_num_threads());
        set_num_threads(before);
    }
}
