using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Btx.Cli;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Trainer.Devices;
using Btx.Trainer.Networks;
using Btx.Trainer.Optimisation;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Verbs;

/// <summary>Times training steps on generated token ids; bench/pytorch-pair runs the same network in Python beside it.</summary>
internal static class BenchTrainVerb
{
    internal const double LearningRate = 1e-3;
    internal const int Batches = 64; // then they repeat

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
            "Time training steps on generated token ids; prints JSON.\n\nExamples:\n  bench-train --preset demo --steps 200 --threads "
                + "1\n  bench-train --preset d256 --mixture 8 --k 2 --batch 8 --context 256 --steps 15 --threads 2")
        {
            preset, steps, warmUp, batch, context, threads, device, from, write, moe, k,
        };
        command.SetAction(parse =>
        {
            var target = TorchDevice.Open(DeviceSpec.Parse(parse.GetRequiredValue(device)), parse.GetRequiredValue(threads));
            var length = parse.GetRequiredValue(context);
            if (parse.GetValue(moe) is { } experts)
            {
                if (experts < 2)
                    throw new BtxException($"--mixture {experts}: expected 2 or more experts; without the flag a dense model is timed");
                var config = Config(parse.GetRequiredValue(preset),
                    length) with
                { Moe = new MoeConfig(experts, parse.GetRequiredValue(k)) };
                Console.WriteLine(MoeStepPairs.Run(config.Validate("bench-train"), target, parse.GetRequiredValue(warmUp),
                    parse.GetRequiredValue(steps), parse.GetRequiredValue(batch)));
                return 0;
            }

            using var model = parse.GetValue(from) is { } directory
                ? LlamaCheckpoint.Load(directory, target)
                : new LlamaModel(Config(parse.GetRequiredValue(preset), length), target).Init(1);
            if (parse.GetValue(write) is { } place)
            {
                LlamaCheckpoint.Save(model, place);
                return 0;
            }

            Console.WriteLine(Run(model, parse.GetRequiredValue(warmUp), parse.GetRequiredValue(steps),
                parse.GetRequiredValue(batch), length));
            return 0;
        });
        return command;
    }

    // d256: the size whose figures the benchmark notes quote, 4.2 M parameters.
    private static LlamaConfig Config(string preset, int context) => preset == "d256"
        ? new LlamaConfig
        {
            VocabSize = 2048,
            HiddenSize = 256,
            IntermediateSize = 688,
            NumHiddenLayers = 4,
            NumAttentionHeads = 4,
            NumKeyValueHeads = 4,
            MaxPositionEmbeddings = context,
            TieWordEmbeddings = false
        }
        : Presets.Get(preset, 2048, context);

    private static string Run(LlamaModel model, int warmUp, int steps, int batch, int context)
    {
        if (steps < 1 || warmUp < 0 || batch < 1 || context < 1)
            throw new BtxException("bench-train: --steps, --batch and --context must be at least 1, --warm-up at least 0");
        using var optimizer = new AdamW(model.Parameters, new AdamWSettings(), LearningRate);
        var losses = new List<double>();
        var memory = new List<long>();
        var clock = new Stopwatch();
        var cpu = TimeSpan.Zero;
        var ids = new long[batch * context];
        var targets = new long[batch * context];
        for (var step = 0; step < warmUp + steps; step++)
        {
            if (step == warmUp)
            {
                Synchronize(model);
                clock.Start();
                cpu = Environment.CpuUsage.TotalTime;
            }

            Batch(step % Batches, model.Config.VocabSize, context, ids, targets);
            using (NewDisposeScope())
            {
                var loss = model.Loss(tensor(ids, [batch, context], int64, model.Device),
                    tensor(targets, [batch, context], int64, model.Device));
                loss.backward();
                optimizer.Step(LearningRate);
                losses.Add(loss.item<float>());
            }

            if (step % 100 == 0) memory.Add(Environment.WorkingSet >> 20);
        }

        Synchronize(model);
        clock.Stop();
        cpu = Environment.CpuUsage.TotalTime - cpu;
        var tokens = (double)steps * batch * context;
        return JsonSerializer.Serialize(new
        {
            tokens_per_second = tokens / clock.Elapsed.TotalSeconds,
            tokens_per_cpu_second = tokens / cpu.TotalSeconds,
            parameters = model.Config.ParameterCount,
            threads = get_num_threads(),
            live_tensors = Tensor.TotalCount,
            resident_mib_every_100_steps = memory,
            losses = losses.Take(50),
        });
    }

    // Every id is a fixed function of step, row and position, so that Python makes the same batch.
    internal static void Batch(int step, int vocabulary, int context, long[] ids, long[] targets)
    {
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = Id(step, i / context, i % context, vocabulary);
            targets[i] = Id(step, i / context, (i % context) + 1, vocabulary);
        }
    }

    private static long Id(int step, int row, int position, int vocabulary) =>
        ((((step * 31L) + row + 1) * 7919) + (position % 16 * 97L) + (position * (long)row)) % vocabulary;

    internal static void Synchronize(LlamaModel model)
    {
        if (model.Device.type == DeviceType.CUDA) cuda.synchronize(model.Device);
    }
}
