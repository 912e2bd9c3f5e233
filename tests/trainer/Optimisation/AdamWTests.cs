using System.Text;
using Btx.Trainer.Optimisation;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using AdamW = Btx.Trainer.Optimisation.AdamW;
using Original = TorchSharp.Modules.AdamW;

namespace Btx.Trainer.Tests.Optimisation;

public sealed class AdamWTests
{
    private static readonly AdamWSettings s_settings = new() { WeightDecay = 0.1 };

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    public void Steps_are_those_of_TorchSharp(double clip)
    {
        Parameter[] ours = Weights(), theirs = Weights();
        using var optimizer = new AdamW(ours, s_settings with { ClipNorm = clip }, 1e-2);
        using var reference = Reference(theirs);
        for (var step = 0; step < 20; step++)
        {
            SetGradients(ours, step);
            SetGradients(theirs, step);
            foreach (var group in reference.ParamGroups) group.LearningRate = 1e-2 / (step + 1);
            var expected = clip > 0 ? nn.utils.clip_grad_norm_(theirs, clip) : 0;
            reference.step();
            Assert.Equal(expected, optimizer.Step(1e-2 / (step + 1)), 1e-3);
            for (var i = 0; i < ours.Length; i++)
            {
                Assert.True(ours[i].allclose(theirs[i], 1e-5, 1e-6), $"step {step}, parameter {i}");
                Assert.Equal(0, ours[i].grad!.abs().sum().item<float>());
            }
        }
    }

    [Fact]
    public void A_gradient_that_is_not_finite_changes_nothing()
    {
        var weights = Weights();
        using var optimizer = new AdamW(weights, s_settings, 1e-2);
        SetGradients(weights, 1);
        optimizer.Step(1e-2);
        var before = weights.Select(w => w.detach().clone()).ToArray();
        var state = Saved(optimizer);
        SetGradients(weights, 2);
        weights[1].grad!.fill_(double.NaN);
        Assert.True(double.IsNaN(optimizer.Step(1e-2)));
        Assert.All(weights.Zip(before), pair => Assert.True(Equal(pair.First, pair.Second)));
        Assert.Equal(state, Saved(optimizer));
    }

    [Fact]
    public void The_state_is_a_file_of_TorchSharp_and_goes_on_bit_for_bit()
    {
        Parameter[] first = Weights(), second = Weights(), third = Weights();
        using var whole = new AdamW(first, s_settings, 1e-2);
        for (var step = 0; step < 3; step++) Step(whole, first, step);
        foreach (var (to, from) in second.Zip(first).Concat(third.Zip(first)))
        {
            using (no_grad()) to.copy_(from);
        }

        var state = Saved(whole);
        using var resumed = new AdamW(second, s_settings, 1e-2);
        using (var reader = new BinaryReader(new MemoryStream(state))) resumed.load_state_dict(reader);
        using var foreign = Reference(third);
        using (var reader = new BinaryReader(new MemoryStream(state))) foreign.load_state_dict(reader);
        Assert.Equal(state, Saved(resumed));
        Assert.Equal(state, Saved(foreign));
        Step(whole, first, 3);
        Step(resumed, second, 3);
        Assert.All(first.Zip(second), pair => Assert.True(Equal(pair.First, pair.Second)));

        static void Step(AdamW optimizer, Parameter[] weights, int step)
        {
            SetGradients(weights, step);
            optimizer.Step(1e-2);
        }
    }

    [Fact]
    public void What_does_not_learn_has_no_gradient_and_what_has_no_gradient_yet_only_decays()
    {
        var weights = Weights();
        weights[0].requires_grad_(false);
        using var optimizer = new AdamW(weights, s_settings with { WeightDecay = 0.5 }, 0.1);
        Assert.Null(weights[0].grad);
        var before = weights.Select(w => w.detach().clone()).ToArray();
        Assert.Equal(0, optimizer.Step(0.1));
        Assert.True(Equal(weights[0], before[0]));
        Assert.True(weights[1].allclose(before[1] * 0.95));
        Assert.True(Equal(weights[2], before[2])); // a norm
    }

    private static bool Equal(Tensor a, Tensor b) => a.eq(b).all().item<bool>();

    // A large matrix of several chunks, a small one with a remainder, a norm.
    private static Parameter[] Weights()
    {
        using var generator = new Generator(3);
        return [.. ((long[][])[[300, 701], [5, 7], [19]]).Select(shape => new Parameter(empty(shape).normal_(0, 1, generator)))];
    }

    private static void SetGradients(Parameter[] weights, int step)
    {
        using var generator = new Generator((ulong)step + 10);
        foreach (var w in weights.Where(w => w.requires_grad)) w.grad = empty(w.shape).normal_(0, 0.1, generator);
    }

    private static Original Reference(Parameter[] weights) => optim.AdamW(
        [Group(weights.Where(w => w.ndim > 1), s_settings.WeightDecay), Group(weights.Where(w => w.ndim == 1), 0)], 1e-2, s_settings.Beta1,
            s_settings.Beta2, s_settings.Epsilon);

    private static Original.ParamGroup Group(IEnumerable<Parameter> weights, double decay) =>
        new(weights, 1e-2, s_settings.Beta1, s_settings.Beta2, s_settings.Epsilon, decay);

    private static byte[] Saved(Original optimizer)
    {
        using var stream = new MemoryStream();
        using (var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true)) optimizer.save_state_dict(writer);
        return stream.ToArray();
    }
}
