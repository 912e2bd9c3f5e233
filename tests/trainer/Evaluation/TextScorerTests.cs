using Btx.Fixtures;
using Btx.Model;
using Btx.Trainer.Evaluation;
using Btx.Trainer.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Tests.Evaluation;

public sealed class TextScorerTests
{
    private static LlamaModel Model() => new LlamaModel(TinyForest.DefaultConfig, CPU).Init(5);

    private static int[] Sequence(int seed, int length)
    {
        var random = new Random(seed);
        return [TinyForest.EndOfTextId, .. Enumerable.Range(0, length - 1).Select(_ => random.Next(256))];
    }

    [Fact]
    public void The_sum_over_tokens_is_the_networks_loss()
    {
        using var model = Model();
        var sequence = Sequence(1, 65);
        var logProbs = TextScorer.LogProbs(model, [sequence])[0];
        Assert.Equal(64, logProbs.Length);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var loss = model.Loss(
            tensor(sequence[..^1].Select(i => (long)i).ToArray(), [1, 64], int64),
                tensor(sequence[1..].Select(i => (long)i).ToArray(), [1, 64], int64)).item<float>();
        Assert.Equal(loss, -logProbs.Average(), 1e-5);
    }

    [Fact]
    public void A_sequence_scores_the_same_alone_and_padded_in_a_batch_and_order_is_kept()
    {
        using var model = Model();
        var sequences = Enumerable.Range(0, 40).Select(i => Sequence(i, 2 + (i * 37 % 127))).ToArray();
        long told = 0;
        var together = TextScorer.LogProbs(model, sequences, n => told += n);
        Assert.Equal(sequences.Sum(s => s.Length - 1), told);
        for (var i = 0; i < sequences.Length; i += 7)
            Assert.Equal(TextScorer.LogProbs(model, [sequences[i]])[0], together[i], (a, b) => Math.Abs(a - b) < 2e-5);
    }

    [Fact]
    public void A_log_probability_depends_on_the_past_alone()
    {
        using var model = Model();
        var sequence = Sequence(3, 50);
        var changed = (int[])sequence.Clone();
        changed[40] ^= 1;
        var scores = TextScorer.LogProbs(model, [sequence, changed]);
        Assert.Equal(scores[0][..39], scores[1][..39], (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.NotEqual(scores[0][45], scores[1][45]);
    }

    [Fact]
    public void Sequences_that_cannot_be_scored_are_refused_with_the_value()
    {
        using var model = Model();
        string Problem(params int[] sequence) => Assert.Throws<BtxException>(() => TextScorer.LogProbs(model, [sequence])).Message;
        Assert.Contains("has 1 tokens", Problem(3), StringComparison.Ordinal);
        Assert.Contains("token id 320", Problem(3, 320), StringComparison.Ordinal);
        Assert.Contains("token id -1", Problem(-1, 3), StringComparison.Ordinal);
        Assert.Contains("max_position_embeddings is 128", Problem(new int[130]), StringComparison.Ordinal);
        Assert.Equal(128, TextScorer.LogProbs(model, [new int[129]])[0].Length);
    }

    [Fact]
    public void A_diverged_model_is_an_error_and_no_figure()
    {
        using var model = Model();
        using (no_grad()) model.Parameters[0].fill_(float.NaN);
        Assert.Contains("diverged", Assert.Throws<BtxException>(() => TextScorer.LogProbs(model, [[1, 2]])).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NaN)]
    public void A_model_that_gives_no_numbers_is_named_by_its_directory_with_the_remedy(float weight)
    {
        using var world = new EvaluationWorld();
        var directory = world.Expert("beta");
        using (var broken = LlamaCheckpoint.Load(directory, CPU))
        {
            using (no_grad()) broken.Parameters[1].fill_(weight);
            LlamaCheckpoint.Save(broken, directory);
        }

        using var model = LlamaCheckpoint.Load(directory, CPU);
        var line = Assert.Throws<BtxException>(() => TextScorer.LogProbs(model, [[1, 2]])).Message;
        Assert.StartsWith($"{directory}: its loss at a token is NaN; ", line, StringComparison.Ordinal);
        Assert.EndsWith("train it again at a lower rate, restore its files, or leave it out", line, StringComparison.Ordinal);
        using var average = ModelAverage.Load([world.Expert("alpha"), directory], [0.5, 0.5], CPU);
        Assert.StartsWith($"the average of {world.Expert("alpha")}, {directory}: ",
            Assert.Throws<BtxException>(() => TextScorer.LogProbs(average, [[1, 2]])).Message, StringComparison.Ordinal);
    }
}
