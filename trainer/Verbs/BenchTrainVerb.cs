using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Btx.Trainer.Optimisation;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Verbs;

/// <summary>Times training steps on generated token ids; bench/pytorch-pair runs the same network in Python beside it.</summary>
internal static class BenchTrainVerb
{
    private const double LearningRate = 1e-3;
    private const int Batches = 64; // then they repeat

    public static Command Create()
    {
        var preset = new Flag<string>("--preset NAME", "demo, d256, tiny, small or base", "demo");
        var steps = new Flag<int>("--steps N", "timed steps", 100);
        var warmUp = new Flag<int>("--warm-up N", "steps before the clock starts", 5);
        var batch = new Flag<int>("--batch N", "sequences a step", 2);
        var context = new Flag<int>("--context N", "tokens a sequence", 128);
        var threads = Flags.Threads("CPU threads", 1);
        var device = Flags.Device("where to compute");
        var from = new Flag<string?>("--from DIR", "model directory to start from");
        var write = new Flag<string?>("--write DIR", "write the initial weights to this directory and stop");
        var moe = new Flag<int?>("--mixture N",
            "so many experts in each layer: times a step of sparse dispatch beside one with all experts on all tokens, in pairs");
        var k = new Flag<int>("--k N", "experts a token, with --mixture", 2);
        var command = new Command("bench-train",
            """
            Time training steps on generated token ids; prints JSON.

            Examples:
              bench-train --preset demo --steps 200 --threads 1
              bench-train --preset d256 --mixture 8 --k 2 --batch 8 --context 256 --steps 15 --threads 2
            """) { preset, steps, warmUp, batch, context, threads, device, from, write, moe, k };
        command.SetAction(parse =>
        {
            var target = TorchDevice.Open(DeviceSpec.Parse(parse.GetRequiredValue(device)), parse.GetRequiredValue(threads));
            var config = Config(parse.GetRequiredValue(preset), parse.GetRequiredValue(context));
            var (first, timed, rows) = (parse.GetRequiredValue(warmUp), parse.GetRequiredValue(steps), parse.GetRequiredValue(batch));
            if (timed < 1 || first < 0 || rows < 1)
                throw new BtxException("bench-train: --steps and --batch must be at least 1, --warm-up at least 0");
            if (parse.GetValue(moe) is { } experts)
            {
                if (experts < 2)
                    throw new BtxException($"--mixture {experts}: expected 2 or more experts; without the flag a dense model is timed");
                config = (config with { Moe = new MoeConfig(experts, parse.GetRequiredValue(k)) }).Validate("bench-train");
                Console.WriteLine(RunPairs(config, target, first, timed, rows));
                return;
            }

            using var model = parse.GetValue(from) is { } directory ? LlamaCheckpoint.Load(directory, target)
                : new LlamaModel(config, target).Init(1);
            if (parse.GetValue(write) is { } place) LlamaCheckpoint.Save(model, place);
            else Console.WriteLine(Run(model, first, timed, rows, config.MaxPositionEmbeddings));
        });
        return command;
    }

    // d256: the size whose figures the benchmark notes quote, 4.2 M parameters.
    private static LlamaConfig Config(string preset, int context) => preset != "d256" ? Presets.Get(preset, 2048, context)
        : Presets.Get("tiny", 2048, context) with { HiddenSize = 256, IntermediateSize = 688, TieWordEmbeddings = false };

    private static string Run(LlamaModel model, int warmUp, int steps, int batch, int context)
    {
        using var optimizer = new AdamW(model.Parameters, new AdamWSettings(), LearningRate);
        var (losses, memory) = (new List<double>(), new List<long>());
        var (milliseconds, cpu) = (0.0, TimeSpan.Zero);
        for (var step = 0; step < warmUp + steps; step++)
        {
            if (step == warmUp) (milliseconds, cpu) = (0, Environment.CpuUsage.TotalTime);
            var (time, loss) = Time(model, optimizer, step, batch, context);
            milliseconds += time;
            losses.Add(loss);
            if (step % 100 == 0) memory.Add(Environment.WorkingSet >> 20);
        }

        var tokens = (double)steps * batch * context;
        return JsonSerializer.Serialize(new
        {
            tokens_per_second = tokens / milliseconds * 1000,
            tokens_per_cpu_second = tokens / (Environment.CpuUsage.TotalTime - cpu).TotalSeconds,
            parameters = model.Config.ParameterCount,
            threads = get_num_threads(),
            live_tensors = Tensor.TotalCount,
            resident_mib_every_100_steps = memory,
            losses = losses.Take(50),
        });
    }

    // Fine-tuning steps of two copies of one BTX model on the same batches, in turns: tokens gathered by expert, and every expert on every
    // token. Both learn the same, which the losses show. Times are medians in milliseconds, ratios those of the pairs.
    private static string RunPairs(LlamaConfig config, Device device, int warmUp, int pairs, int batch)
    {
        LlamaModel Mixture(bool dense)
        {
            var model = new LlamaModel(config, device).Init(1);
            foreach (var moe in model.Moe)
                (moe.Settings, moe.Training, moe.DenseForm) = (new() { ExpertsPerToken = config.Moe!.ExpertsPerToken }, true, dense);
            return model;
        }

        LlamaModel[] models = [Mixture(dense: false), Mixture(dense: true)];
        AdamW[] optimizers = [.. models.Select(m => new AdamW(m.Parameters, new(), LearningRate))];
        List<double>[] times = [[], []];
        var (apart, losses) = (0.0, new double[2]);
        for (var step = 0; step < warmUp + pairs; step++)
        {
            foreach (var i in step % 2 == 0 ? (int[])[0, 1] : [1, 0])
            {
                (var milliseconds, losses[i]) = Time(models[i], optimizers[i], step, batch, config.MaxPositionEmbeddings);
                if (step >= warmUp) times[i].Add(milliseconds);
            }

            apart = Math.Max(apart, Math.Abs(losses[0] - losses[1]));
        }

        double[] ratios = [.. times[0].Zip(times[1], (s, d) => s / d).Order()];
        return JsonSerializer.Serialize(new
        {
            sparse_ms = Math.Round(Median(times[0]), 2),
            dense_all_ms = Math.Round(Median(times[1]), 2),
            ratio = Math.Round(Median(ratios), 3),
            ratio_range = new[] { Math.Round(ratios[0], 3), Math.Round(ratios[^1], 3) },
            pairs,
            experts = config.Moe!.Experts,
            experts_per_token = config.Moe.ExpertsPerToken,
            tokens_per_step = batch * config.MaxPositionEmbeddings,
            parameters = config.ParameterCount,
            threads = get_num_threads(),
            smallest_share = Math.Round(models[0].Moe.Min(m =>
                m.Routing!.TokensPerExpert().Min() / (double)(m.Routing.Tokens * m.Routing.PerToken)), 3),
            last_loss = Math.Round(losses[0], 4),
            losses_differ_by_at_most = apart,
        });
    }

    private static (double Milliseconds, double Loss) Time(LlamaModel model, AdamW optimizer, int step, int batch, int context)
    {
        // Every id is a fixed function of step, row and position, so that Python makes the same batch.
        long Id(int row, int position) => (((((step % Batches) * 31L) + row + 1) * 7919) + (position % 16 * 97L) + (position * (long)row))
            % model.Config.VocabSize;
        long[] ids = new long[batch * context], targets = new long[batch * context];
        for (var i = 0; i < ids.Length; i++) (ids[i], targets[i]) = (Id(i / context, i % context), Id(i / context, (i % context) + 1));
        Synchronize(model);
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        var crossEntropy = model.Loss(tensor(ids, [batch, context], int64, model.Device),
            tensor(targets, [batch, context], int64, model.Device));
        (model.BalanceLoss is { } balance ? crossEntropy.Plus(balance) : crossEntropy).backward();
        optimizer.Step(LearningRate);
        var loss = crossEntropy.item<float>();
        Synchronize(model);
        return (clock.Elapsed.TotalMilliseconds, loss);
    }

    private static void Synchronize(LlamaModel model)
    {
        if (model.Device.type == DeviceType.CUDA) cuda.synchronize(model.Device);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
