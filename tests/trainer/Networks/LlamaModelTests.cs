using Btx.Model;
using Btx.Model.Configuration;
using Btx.Trainer.Networks;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Btx.Trainer.Tests.Networks;

public sealed class LlamaModelTests
{
    private static readonly LlamaConfig Config = new()
    {
        VocabSize = 31,
        HiddenSize = 16,
        IntermediateSize = 20,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        MaxPositionEmbeddings = 16,
    };

    public static TheoryData<string> Variants => ["plain", "tied", "linear", "llama3", "many heads", "wide heads"];

    [Theory]
    [MemberData(nameof(Variants))]
    public void Logits_equal_the_definition(string variant)
    {
        using var scope = NewDisposeScope();
        var config = variant switch
        {
            "tied" => Config with { TieWordEmbeddings = true },
            "linear" => Config with { RopeScaling = new RopeScaling("linear", 4) },
            "llama3" => Config with { RopeScaling = new RopeScaling("llama3", 8, 1, 4, 8), RopeTheta = 500000 },
            "many heads" => Config with { NumKeyValueHeads = 4 },
            "wide heads" => Config with { HeadDimOverride = 8 },
            _ => Config,
        };
        using var model = new LlamaModel(config.Validate(variant), CPU).Init(5);
        Shake(model);
        long[] ids = [3, 30, 0, 7, 7, 21, 12, 9, 1, 2];
        var logits = model.Forward(tensor(ids.Concat(ids.Reverse()).ToArray(), [2, 10]));
        Assert.Equal([2L, 10L, 31L], logits.shape);
        var reference = new LlamaReference(config,
            model.NamedParameters.ToDictionary(p => p.Name, p => p.Parameter.detach().data<float>().ToArray()));
        AssertClose(reference.Logits(ids), logits.select(0, 0));
        AssertClose(reference.Logits([.. ids.Reverse()]), logits.select(0, 1));
    }

    [Fact]
    public void Parameter_names_and_shapes_are_those_of_the_checkpoint()
    {
        foreach (var config in new[] { Config, Config with { TieWordEmbeddings = true } })
        {
            using var model = new LlamaModel(config, CPU);
            Assert.Equal(config.TensorShapes().Select(t => $"{t.Name} {string.Join(',', t.Shape)}"),
                model.NamedParameters.Select(p => $"{p.Name} {string.Join(',', p.Parameter.shape)}"));
            Assert.Equal(config.ParameterCount, model.Parameters.Sum(p => p.numel()));
        }
    }

    [Fact]
    public void Gradients_equal_finite_differences()
    {
        using var scope = NewDisposeScope();
        using var model = new LlamaModel(Config, CPU).Init(2);
        Shake(model);
        Tensor ids = tensor([1L, 5, 9, 2, 7, 30], [1, 6]), targets = tensor([5L, 9, 2, 7, 30, LlamaModel.IgnoredTarget], [1, 6]);
        model.Loss(ids, targets).backward();
        foreach (var (name, parameter) in model.NamedParameters)
        {
            using var inner = NewDisposeScope();
            var gradient = parameter.grad!.data<float>().ToArray();
            var at = Array.IndexOf(gradient, gradient.MaxBy(MathF.Abs));
            const float step = 3e-3f;
            var flat = parameter.detach().view(-1);
            var value = flat.data<float>()[at];
            double Loss(float v)
            {
                flat.data<float>()[at] = v;
                using var mode = no_grad();
                return model.Loss(ids, targets).item<float>();
            }

            var slope = (Loss(value + step) - Loss(value - step)) / (2 * step);
            flat.data<float>()[at] = value;
            Assert.True(Math.Abs(slope - gradient[at]) <= (0.02 * Math.Abs(gradient[at]))
                + 1e-3, $"{name}[{at}]: gradient {gradient[at]}, slope {slope}");
        }
    }

    [Fact]
    public void Token_losses_average_to_the_loss()
    {
        using var scope = NewDisposeScope();
        using var model = new LlamaModel(Config, CPU).Init(2);
        Tensor ids = tensor([1L, 5, 9, 2], [2, 2]), targets = tensor([5L, LlamaModel.IgnoredTarget, 2, 7], [2, 2]);
        var each = model.TokenLosses(ids, targets);
        Assert.Equal([2L, 2L], each.shape);
        Assert.Equal(0f, each.data<float>()[1]);
        Assert.Equal(model.Loss(ids, targets).item<float>(), each.sum().item<float>() / 3, 5);
        var direct = model.Forward(ids).log_softmax(-1).data<float>();
        Assert.Equal(-direct[5], each.data<float>()[0], 5);
    }

    [Fact]
    public void The_same_seed_gives_the_same_weights_and_another_does_not()
    {
        using LlamaModel a = new LlamaModel(Config, CPU).Init(7), b = new LlamaModel(Config, CPU).Init(7), c = new LlamaModel(Config,
            CPU).Init(8);
        for (var i = 0; i < a.Parameters.Count; i++)
        {
            Assert.Equal(a.Parameters[i].detach().data<float>().ToArray(), b.Parameters[i].detach().data<float>().ToArray());
            if (a.Parameters[i].ndim == 2)
                Assert.NotEqual(a.Parameters[i].detach().data<float>().ToArray(), c.Parameters[i].detach().data<float>().ToArray());
        }
    }

    [Fact]
    public void Input_of_a_wrong_shape_or_type_is_refused()
    {
        using var scope = NewDisposeScope();
        using var model = new LlamaModel(Config, CPU).Init(1);
        Assert.Contains("[sequences, tokens]", Assert.Throws<BtxException>(() => model.Forward(zeros([4], int64))).Message,
            StringComparison.Ordinal);
        Assert.Contains("Int64", Assert.Throws<BtxException>(() => model.Forward(zeros([1, 4], float32))).Message,
            StringComparison.Ordinal);
        Assert.Contains("max_position_embeddings is 16", Assert.Throws<BtxException>(() => model.Forward(zeros([1, 17], int64))).Message,
            StringComparison.Ordinal);
        Assert.Throws<BtxException>(() => model.Forward(zeros([0, 4], int64)));
        Assert.Throws<BtxException>(() => model.Loss(zeros([1, 4], int64), zeros([1, 5], int64)));
    }

    [Fact]
    public void What_each_feed_forward_reads_can_be_heard()
    {
        using var scope = NewDisposeScope();
        using var model = new LlamaModel(Config, CPU).Init(1);
        var heard = new List<(int Layer, Tensor Input)>();
        model.FeedForwardInput = (layer, x) => heard.Add((layer, x));
        _ = model.Hidden(tensor([1L, 2, 3], [1, 3]));
        Assert.Equal(Enumerable.Range(0, Config.NumHiddenLayers), heard.Select(h => h.Layer));
        Assert.All(heard, h => Assert.Equal([3L, Config.HiddenSize], h.Input.shape));
        Assert.All(heard, h => Assert.Equal(1, h.Input.pow(2).mean().item<float>(), 1e-2)); // normalised
    }

    // Norm weights away from 1, matrices large enough that every term shows in the logits.
    private static void Shake(LlamaModel model)
    {
        using var mode = no_grad();
        using var generator = new Generator(99);
        foreach (var p in model.Parameters)
        {
            if (p.ndim == 1) p.uniform_(0.5, 1.5, generator);
            else p.normal_(0, 0.3, generator);
        }
    }

    private static void AssertClose(double[][] expected, Tensor logits)
    {
        var got = logits.detach().contiguous().data<float>().ToArray();
        var flat = expected.SelectMany(r => r).ToArray();
        var scale = flat.Max(Math.Abs);
        for (var i = 0; i < flat.Length; i++)
            Assert.True(Math.Abs(flat[i] - got[i]) <= 1e-5 * scale, $"logit {i}: {got[i]}, expected {flat[i]}");
    }
}
