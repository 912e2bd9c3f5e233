using System.Diagnostics;
using System.Text.Json;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Trainer.Networks;
using Btx.Trainer.Optimisation;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Verbs;

/// <summary>
/// Times fine-tuning steps (forward, backward, clip, AdamW) of two copies of one mixture on the same batches, in turns: tokens gathered
/// by expert, and every expert on every token. Both learn the same, which the losses show.
/// </summary>
internal static class MoeStepPairs
{
    /// <returns>JSON: medians in milliseconds, the median and range of the pairs' ratios.</returns>
    public static string Run(LlamaConfig config, Device device, int warmUp, int pairs, int batch)
    {
        if (pairs < 1 || warmUp < 0 || batch < 1)
            throw new BtxException("bench-train: --steps and --batch must be at least 1, --warm-up at least 0");
        using LlamaModel sparse = Model(config, device, dense: false), dense = Model(config, device, dense: true);
        using AdamW sparseOptimizer = Optimizer(sparse), denseOptimizer = Optimizer(dense);
        double[] sparseTimes = new double[pairs], denseTimes = new double[pairs];
        double apart = 0, last = 0;
        for (var step = 0; step < warmUp + pairs; step++)
        {
            var sparseFirst = step % 2 == 0;
            var first = Time(sparseFirst ? sparse : dense, sparseFirst ? sparseOptimizer : denseOptimizer, step, batch);
            var second = Time(sparseFirst ? dense : sparse, sparseFirst ? denseOptimizer : sparseOptimizer, step, batch);
            apart = Math.Max(apart, Math.Abs(first.Loss - second.Loss));
            last = first.Loss;
            if (step < warmUp) continue;
            (sparseTimes[step - warmUp], denseTimes[step - warmUp]) = sparseFirst ? (first.Milliseconds, second.Milliseconds)
                : (second.Milliseconds, first.Milliseconds);
        }

        var ratios = sparseTimes.Zip(denseTimes, (s, d) => s / d).Order().ToArray();
        return JsonSerializer.Serialize(new
        {
            sparse_ms = Math.Round(Median(sparseTimes), 2),
            dense_all_ms = Math.Round(Median(denseTimes), 2),
            ratio = Math.Round(Median(ratios), 3),
            ratio_range = new[] { Math.Round(ratios[0], 3), Math.Round(ratios[^1], 3) },
            pairs,
            experts = config.Moe!.Experts,
            experts_per_token = config.Moe.ExpertsPerToken,
            tokens_per_step = batch * config.MaxPositionEmbeddings,
            parameters = config.ParameterCount,
            threads = get_num_threads(),
            smallest_share = Math.Round(
            sparse.Moe.Min(m => m.Routing!.TokensPerExpert().Min() / (double)(m.Routing.Tokens * m.Routing.PerToken)), 3),
            last_loss = Math.Round(last, 4),
            losses_differ_by_at_most = apart,
        });
    }

    private static LlamaModel Model(LlamaConfig config, Device device, bool dense)
    {
        var model = new LlamaModel(config, device).Init(1);
        foreach (var moe in model.Moe)
        {
            moe.Settings = new MoeTraining { ExpertsPerToken = config.Moe!.ExpertsPerToken };
            moe.Training = true;
            moe.DenseForm = dense;
        }

        return model;
    }

    private static AdamW Optimizer(LlamaModel model) => new(model.Parameters, new AdamWSettings(), BenchTrainVerb.LearningRate);

    private static (double Milliseconds, double Loss) Time(LlamaModel model, AdamW optimizer, int step, int batch)
    {
        var context = model.Config.MaxPositionEmbeddings;
        long[] ids = new long[batch * context], targets = new long[batch * context];
        BenchTrainVerb.Batch(step % BenchTrainVerb.Batches, model.Config.VocabSize, context, ids, targets);
        BenchTrainVerb.Synchronize(model);
        var clock = Stopwatch.StartNew();
        double loss;
        using (NewDisposeScope())
        {
            var crossEntropy = model.Loss(tensor(ids, [batch, context], int64, model.Device),
                tensor(targets, [batch, context], int64, model.Device));
            crossEntropy.Plus(model.BalanceLoss!).backward();
            optimizer.Step(BenchTrainVerb.LearningRate);
            loss = crossEntropy.item<float>();
        }

        BenchTrainVerb.Synchronize(model);
        return (clock.Elapsed.TotalMilliseconds, loss);
    }

    private static double Median(double[] values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
