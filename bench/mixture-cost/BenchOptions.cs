using Btx.Exporter.Graphs;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Devices;

namespace Btx.Bench.Mixture;

/// <summary>What is measured and how often.</summary>
internal sealed record BenchOptions
{
    public const string Help = """
        Measures what a decode step at batch 1 costs with k = 1 … N experts per token of one exported BTX model, fits A + k·F, and compares
        k = 2 with a dense Llama of the same active parameters (the same network, feed-forward twice as wide) in alternating rounds.
        Weights are random: speed does not ask what they say. The graphs and sessions are those of the server.

        usage: Btx.Bench.Mixture [options]
          --precision fp32|int8|int4   of the experts; with int8 and int4 the dense model is one expert of twice the width, stored alike
                      fp16|bf16        with --device cuda
          --device cpu|cuda[:n]
          --through graph|engine       the decode graph alone, or a stream of the server's engine (its step, mixing and sampling included)
          --threads 1,2                threads of a session, one table for each
          --rounds 15                  rounds; in each, every k and the dense model take their steps, in another order
          --steps 8                    decode steps of one k in a round
          --experts 8 --hidden 1536 --intermediate 4096 --layers 2
                                       the model; one expert of one layer should exceed the last-level cache (by default 75 MB in fp32)
          --help

        Exit code 0 if the fit has R² > 0.98 and k = 2 costs at most 1.15 times the dense model, 1 otherwise, 2 for wrong usage.

        Example: artifacts/bin/Btx.Bench.Mixture/release/Btx.Bench.Mixture --threads 1,2 --rounds 15
        """;

    public GraphPrecision Precision { get; init; } = GraphPrecision.Fp32;
    public DeviceSpec Device { get; init; } = DeviceSpec.Cpu;
    public bool ThroughEngine { get; init; }
    public IReadOnlyList<int> Threads { get; init; } = [1, 2];
    public int Rounds { get; init; } = 15;
    public int Steps { get; init; } = 8;
    public int Experts { get; init; } = 8;
    public int Hidden { get; init; } = 1536;
    public int Intermediate { get; init; } = 4096;
    public int Layers { get; init; } = 2;

    public bool HasBlocks => Precision is GraphPrecision.Int8 or GraphPrecision.Int4;

    /// <summary>The mixture.</summary>
    public LlamaConfig Moe => Dense(Intermediate) with { Moe = new MoeConfig(Experts, Math.Min(2, Experts)) };

    /// <summary>A dense model around the same attention.</summary>
    public LlamaConfig Dense(int intermediate) => Fixtures.TinyForest.DefaultConfig with
    {
        VocabSize = 4096,
        HiddenSize = Hidden,
        IntermediateSize = intermediate,
        NumHiddenLayers = Layers,
        NumAttentionHeads = Hidden / 64,
        NumKeyValueHeads = Hidden / 64 % 4 == 0 ? Hidden / 256 : 1,
        MaxPositionEmbeddings = 256,
    };

    /// <exception cref="BtxException">Wrong usage.</exception>
    public static BenchOptions Parse(string[] args)
    {
        var options = new BenchOptions();
        for (var i = 0; i < args.Length; i += 2)
        {
            string Value() => i + 1 < args.Length ? args[i + 1] : throw new BtxException($"{args[i]} needs a value");
            int Number(string text) => int.TryParse(text, out var n) && n > 0 ? n
                : throw new BtxException($"{args[i]} {Value()}: expected a whole number above 0");
            options = args[i] switch
            {
                "--precision" => options with { Precision = Value() == "bf16" ? GraphPrecision.Bf16 : GraphPrecisions.Parse(Value()) },
                "--device" => options with { Device = DeviceSpec.Parse(Value()) },
                "--through" => options with
                {
                    ThroughEngine = Value() switch
                    {
                        "engine" => true,
                        "graph" => false,
                        _ => throw new BtxException($"--through {Value()}: use graph or engine")
                    }
                },
                "--threads" => options with { Threads = [.. Value().Split(',').Select(Number)] },
                "--rounds" => options with { Rounds = Number(Value()) },
                "--steps" => options with { Steps = Number(Value()) },
                "--experts" => options with { Experts = Number(Value()) },
                "--hidden" => options with { Hidden = Number(Value()) },
                "--intermediate" => options with { Intermediate = Number(Value()) },
                "--layers" => options with { Layers = Number(Value()) },
                _ => throw new BtxException($"{args[i]}: unknown option"),
            };
        }

        if (options.ThroughEngine && options.Precision == GraphPrecision.Bf16)
            throw new BtxException("--through engine: no server reads bf16; use --precision fp16");
        if (options.Experts < 3) throw new BtxException("--experts: a line needs three points or more");
        if (options.Hidden % 64 != 0) throw new BtxException($"--hidden {options.Hidden}: must be a multiple of 64, the width of a head");
        if (options.Device.IsCuda != (options.Precision is GraphPrecision.Fp16 or GraphPrecision.Bf16))
            throw new BtxException("--precision fp16 and bf16 go with --device cuda, the others with cpu");
        return options;
    }
}
