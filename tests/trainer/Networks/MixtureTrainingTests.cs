using Btx.Model.Configuration;
using Btx.Model.Mixtures;
using Btx.Trainer.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Tests.Networks;

[Collection(NativeMemoryTests.Name)]
public sealed class MixtureTrainingTests
{
    private static readonly LlamaConfig Config = new()
    {
        VocabSize = 32, HiddenSize = 16, IntermediateSize = 24, NumHiddenLayers = 2, NumAttentionHeads = 2, NumKeyValueHeads = 1, MaxPositionEmbeddings = 32,
        Mixture = new MixtureConfig(4, 2),
    };

    public static TheoryData<string> Kinds => [.. RouterKind.Names];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Steps_learn_repeat_exactly_and_leave_native_memory_flat(string kind)
    {
        using LlamaModel a = Model(kind), b = Model(kind);
        var losses = Train(a, 120);
        Assert.True(losses[^1] < 0.6 * losses[0], $"loss went from {losses[0]} to {losses[^1]}");
        Assert.Equal(losses[..20], Train(b, 20));
    }

    [Theory]
    [InlineData(RouterKind.TopK)]
    [InlineData(RouterKind.Soft)]
    public void Gradients_equal_finite_differences(string kind)
    {
        using var scope = NewDisposeScope();
        using var model = Model(kind, loadBalancing: 0.5);
        using (no_grad())
        {
            using var generator = new Generator(99);
            foreach (var p in model.Parameters.Where(p => p.ndim == 2)) p.normal_(0, 0.3, generator).Dispose();
        }

        Tensor ids = tensor([1L, 5, 9, 2, 7, 30], [1, 6]), targets = tensor([5L, 9, 2, 7, 30, 3], [1, 6]);
        Tensor Loss() => model.Loss(ids, targets) + model.BalanceLoss!;
        Loss().backward();
        foreach (var (name, parameter) in model.NamedParameters)
        {
            using var inner = NewDisposeScope();
            if (parameter.grad is null) continue; // an expert without tokens
            var gradient = parameter.grad.data<float>().ToArray();
            var at = Array.IndexOf(gradient, gradient.MaxBy(MathF.Abs));
            const float step = 2e-3f;
            var flat = parameter.detach().view(-1);
            var value = flat.data<float>()[at];
            double At(float v)
            {
                flat.data<float>()[at] = v;
                using var mode = no_grad();
                using var deeper = NewDisposeScope();
                return Loss().item<float>();
            }

            var slope = (At(value + step) - At(value - step)) / (2 * step);
            flat.data<float>()[at] = value;
            Assert.True(Math.Abs(slope - gradient[at]) <= (0.02 * Math.Abs(gradient[at])) + 2e-3, $"{name}[{at}]: gradient {gradient[at]}, slope {slope}");
        }
    }

    [Fact]
    public void The_dense_form_learns_the_same()
    {
        foreach (var kind in RouterKind.Names)
        {
            using var scope = NewDisposeScope();
            using LlamaModel sparse = Model(kind), dense = Model(kind);
            foreach (var m in dense.Mixtures) m.DenseForm = true;
            Tensor ids = tensor(Enumerable.Range(0, 30).Select(i => i * i % 31L).ToArray(), [2, 15]), targets = ids.roll(-1, 1);
            Tensor a = sparse.Loss(ids, targets) + sparse.BalanceLoss!, b = dense.Loss(ids, targets) + dense.BalanceLoss!;
            Assert.Equal(a.item<float>(), b.item<float>(), 5);
            a.backward();
            b.backward();
            for (var i = 0; i < sparse.Parameters.Count; i++)
            {
                Tensor left = sparse.Parameters[i].grad ?? zeros_like(sparse.Parameters[i]), right = dense.Parameters[i].grad!;
                Assert.True(left.allclose(right, 1e-4, 1e-6), sparse.NamedParameters[i].Name);
            }
        }
    }

    [Fact]
    public void Frozen_experts_take_no_gradient_and_the_router_does()
    {
        using var scope = NewDisposeScope();
        using var model = Model(RouterKind.TopK);
        foreach (var (_, p) in model.NamedParameters.Where(p => p.Name.Contains(".experts.", StringComparison.Ordinal))) p.requires_grad = false;
        var ids = tensor([1L, 5, 9, 2, 7, 30], [1, 6]);
        (model.Loss(ids, ids) + model.BalanceLoss!).backward();
        foreach (var (name, p) in model.NamedParameters) Assert.Equal(name.Contains(".experts.", StringComparison.Ordinal), p.grad is null);
    }

    private static LlamaModel Model(string kind, double loadBalancing = 0.01)
    {
        var model = new LlamaModel(Config, CPU).Init(1);
        foreach (var m in model.Mixtures)
        {
            m.Settings = new MixtureTraining { Router = kind, LoadBalancing = loadBalancing, Seed = 5 };
            m.Training = true;
        }

        return model;
    }

    private static List<double> Train(LlamaModel model, int steps)
    {
        using var optimizer = optim.AdamW(model.Parameters, 5e-3, 0.9, 0.98);
        var sequence = Enumerable.Range(0, 33).Select(i => (long)(i * i % 32)).ToArray();
        var losses = new List<double>();
        long live = 0, resident = 0;
        for (var step = 0; step < steps; step++)
        {
            foreach (var m in model.Mixtures) m.At = (step, 0);
            using (NewDisposeScope())
            {
                var loss = model.Loss(tensor(sequence[..32], [1, 32]), tensor(sequence[1..], [1, 32]));
                (loss + model.BalanceLoss!).backward();
                nn.utils.clip_grad_norm_(model.Parameters, 1.0);
                optimizer.step();
                optimizer.zero_grad();
                losses.Add(loss.item<float>());
            }

            if (step != steps / 2) continue;
            Settle();
            live = Tensor.TotalCount;
            resident = Environment.WorkingSet;
        }

        Settle();
        // An expert that met its first token after the middle has new moments, two for each of its three matrices; a leak grows by the step.
        Assert.InRange(Tensor.TotalCount - live, 0, 2 * 3 * Config.NumHiddenLayers * Config.Mixture!.Experts);
        Assert.True(Environment.WorkingSet - resident < 64 << 20, $"resident memory grew by {(Environment.WorkingSet - resident) >> 20} MiB");
        return losses;
    }

    private static void Settle()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}
