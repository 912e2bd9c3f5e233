using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Tensors;

namespace Btx.Exporter.Tests.Checking;

public sealed class PlainMixtralTests : IDisposable
{
    private static readonly int[] Tokens = [5, 9, 200, 9, 5, 77];

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Experts_that_are_all_alike_are_the_dense_model_for_every_k()
    {
        new TinyForest().WriteExpert(directory["dense"], 1);
        using var dense = Checkpoint.Open(directory["dense"]);
        var config = dense.Config with { Moe = new MoeConfig(3, 2) };
        var expected = PlainLlama.Logits(dense, Tokens);
        var mixtral = new PlainMixtral(config, Upcycled(PlainLlama.Reader(dense), config), []);
        foreach (var k in new[] { 1, 2, 3 })
        {
            var run = mixtral.Run(Tokens, [.. Tokens.Select(_ => k)]);
            for (var t = 0; t < Tokens.Length; t++) Assert.Equal(expected[t], run.Logits[t], (a, b) => Math.Abs(a - b) < 1e-5);
        }
    }

    [Fact]
    public void Gates_sum_to_one_over_k_experts_and_over_all_where_soft()
    {
        new TinyMoe().Write(directory["model"]);
        using var model = Checkpoint.Open(directory["model"]);
        var run = new PlainMixtral(model.Config, PlainLlama.Reader(model), [1]).Run(Tokens, [1, 2, 3, 4, 1, 2]);
        for (var t = 0; t < Tokens.Length; t++)
        {
            Assert.Equal(run.ExpertsPerToken[t], run.Gates[t][..4].Count(g => g > 0));
            Assert.Equal(4, run.Gates[t][4..].Count(g => g > 0));
            Assert.Equal(1, run.Gates[t][..4].Sum(), 1e-12);
            Assert.Equal(1, run.Gates[t][4..].Sum(), 1e-12);
        }
    }

    [Fact]
    public void A_token_that_hangs_on_a_hair_is_replaced_in_the_check()
    {
        new TinyMoe().Write(directory["model"]);
        using var model = Checkpoint.Open(directory["model"]);
        var reference = new PlainMixtral(model.Config, PlainLlama.Reader(model), []);
        var loose = CheckPlan.Run(reference, 320, 128, _ => 2, 0, CancellationToken.None);
        var strict = CheckPlan.Run(reference, 320, 128, _ => 2, 0.05, CancellationToken.None);
        Assert.Equal(CheckPlan.Tokens(320, 128), loose.Tokens);
        Assert.True(loose.Margins.Min() < 0.05, "the plain text must hang on a hair somewhere, or this shows nothing");
        Assert.All(strict.Margins, m => Assert.True(m >= 0.05));
        Assert.NotEqual(loose.Tokens, strict.Tokens);
    }

    /// <summary>Reads every expert as the dense feed-forward, and a router that prefers one by chance.</summary>
    private static Func<string, float[]> Upcycled(Func<string, float[]> dense, LlamaConfig config) => name =>
    {
        var at = name.IndexOf(".block_sparse_moe.", StringComparison.Ordinal);
        if (at < 0) return dense(name);
        if (name.EndsWith(MoeConfig.RouterTensor, StringComparison.Ordinal))
        {
            var random = new Random(2);
            return [.. Enumerable.Range(0, config.Moe!.Experts * config.HiddenSize).Select(_ => random.NextSingle() - 0.5f)];
        }

        var part = name.Split('.')[^2] switch { "w1" => "gate_proj", "w3" => "up_proj", _ => "down_proj" };
        return dense($"{name[..at]}.mlp.{part}.weight");
    };
}
