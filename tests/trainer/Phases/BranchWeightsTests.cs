using Btx.Model;
using Btx.Model.Devices;
using Btx.Trainer.Corpora;
using Btx.Trainer.Devices;
using Btx.Trainer.Phases;
using Btx.Trainer.Shards;
using Btx.Model.Tokens;

namespace Btx.Trainer.Tests.Phases;

public sealed class BranchWeightsTests
{
    private static readonly double[] Posterior = [0.1, 0.6, 0.3];

    [Theory]
    [InlineData(BranchRule.Posterior, 2, 0.1, 0.6, 0.3)]
    [InlineData(BranchRule.Argmax, 2, 0, 1, 0)]
    [InlineData(BranchRule.TopK, 2, 0, 2 / 3.0, 1 / 3.0)]
    [InlineData(BranchRule.TopK, 3, 0.1, 0.6, 0.3)]
    [InlineData(BranchRule.Uniform, 2, 1 / 3.0, 1 / 3.0, 1 / 3.0)]
    public void Weights_follow_the_rule(BranchRule rule, int k, double a, double b, double c)
    {
        var weights = BranchWeights.Of(rule, Posterior, k);
        Assert.Equal([a, b, c], weights.Select(w => Math.Round(w, 12)), (x, y) => Math.Abs(x - y) < 1e-11);
        Assert.Equal(1, weights.Sum(), 1e-12);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void A_k_outside_the_forest_is_refused(int k) =>
        Assert.Contains($"--k is {k}", Assert.Throws<BtxException>(() => BranchWeights.Of(BranchRule.TopK, Posterior, k)).Message);

    [Fact]
    public void The_posterior_of_a_domain_is_the_moving_average_over_its_sequences()
    {
        using var world = new TinyWorld();
        string[] models = [world.Model("a", 1), world.Model("b", 2)];
        using var shard = new TokenShardCache(CorpusDirectory.Open(world.Corpus),
            TextTokenizer.Load(world.Tokenizer)).Open(TextSource.Of("ants"), CorpusSplit.Validation);
        var windows = new ValidationWindows(shard, 16, 5);
        var device = TorchDevice.Open(DeviceSpec.Cpu, 1);
        var scores = models.Select(m =>
        {
            using var model = Btx.Trainer.Networks.LlamaCheckpoint.Load(m, device);
            return DomainPriors.Score(model, windows);
        }).ToArray();
        var expected = 0.5;
        for (var n = 0; n < windows.Count; n++) expected = (0.7 * expected) + (0.3 / (1 + Math.Exp(scores[1][n] - scores[0][n])));
        var prior = DomainPriors.Estimate(models, [windows], device, 2, null, default)[0];
        Assert.Equal(expected, prior[0], 1e-9);
        Assert.Equal(1, prior.Sum(), 1e-12);
    }
}
