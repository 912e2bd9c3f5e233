using System.CommandLine;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Mathematics;
using Btx.Engine.Requests;
using Btx.Exporter;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Mixing;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using MathNet.Numerics;
using Microsoft.ML.OnnxRuntime;

namespace Btx.Bench;

/// <summary>What a decode step at batch 1 costs with k = 1 … N experts per token of one exported BTX model, fitted as A + k·F, and with a
/// dense Llama of the same active parameters as k = 2.</summary>
public class MixtureCost
{
    private const double LeastR2 = 0.98, MostRatio = 1.15;

    private static Measured measured = null!;

    private readonly Random random = new(1);
    private readonly List<IDisposable> owned = [];
    private Action run = () => { };

    /// <summary>k, and 0 for the dense model.</summary>
    public static IEnumerable<int> Cases => [.. Enumerable.Range(1, measured.Experts), 0];

    [ParamsSource(nameof(Cases))]
    public int K { get; set; }

    [GlobalSetup]
    public void Open()
    {
        var model = K == 0 ? measured.Dense : measured.Moe;
        run = measured.ThroughEngine ? Engine(model) : Graph(model);
    }

    [GlobalCleanup]
    public void Close()
    {
        for (var i = owned.Count; i-- > 0;) owned[i].Dispose();
    }

    [Benchmark]
    public void Steps() => run();

    internal static Command Verb()
    {
        var precision = new Choice("--precision", ["fp32", "int8", "int4", "fp16", "bf16"],
            "of the experts; with int8 and int4 the dense model is one expert of twice the width, stored "
            + "alike; fp16 and bf16 go with --device cuda", "fp32");
        var device = Flags.Device("where the graphs run");
        var through = new Choice("--through", ["graph", "engine"],
            "the decode graph alone, or a stream of the server's engine, its mixing and sampling included", "graph");
        var threads = new Flag<string>("--threads N,N", "threads of a session, one table for each", "1,2");
        var rounds = new Flag<int>("--rounds N", "measurements of each k and of the dense model", 15).Between(1);
        var steps = new Flag<int>("--steps N", "decode steps of a measurement", 8).Between(1, 128);
        var experts = new Flag<int>("--experts N", "a line needs three points or more", 8).Between(3);
        var hidden = new Flag<int>("--hidden N", "width; a multiple of 64, the width of a head", 1536).Between(1);
        var intermediate = new Flag<int>("--intermediate N",
            "one expert of one layer should exceed the last-level cache: 75 MB in fp32 here", 4096).Between(1);
        var layers = new Flag<int>("--layers N", "of the network", 2).Between(1);
        var verb = new Command("mixture", $"""
            What a decode step costs with k = 1 … N experts per token of a BTX model, beside a dense Llama of as many active parameters.
            The cost is fitted as A + k·F.
            Exit code 0 if the fit has R² > {LeastR2} and k = 2 costs at most {MostRatio} times the dense model, 1 otherwise.

            Example: ./btx bench mixture --threads 1,2 --rounds 15
            """)
        { precision, device, through, threads, rounds, steps, experts, hidden, intermediate, layers };
        verb.SetAction(parse =>
        {
            var (stored, width) = (parse.GetValue(precision)!, parse.GetValue(hidden));
            var (how, where) = (stored == "bf16" ? GraphPrecision.Bf16 : GraphPrecisions.Parse(stored),
                DeviceSpec.Parse(parse.GetValue(device)!));
            var throughEngine = parse.GetValue(through) == "engine";
            if (throughEngine && stored == "bf16") throw new BtxException("--through engine: no server reads bf16; use --precision fp16");
            if (width % 64 != 0) throw new BtxException($"--hidden {width}: must be a multiple of 64, the width of a head");
            if (where.IsCuda != stored is "fp16" or "bf16")
                throw new BtxException("--precision fp16 and bf16 go with --device cuda, the others with cpu");
            LlamaConfig Dense(int feedForward) => Sizes.Wide(width, feedForward, parse.GetValue(layers), 256);
            var count = parse.GetValue(experts);
            var config = Dense(parse.GetValue(intermediate)) with { Moe = new MoeConfig(count, 2) };
            using var moe = new ExportedMoe(new TinyMoe { Config = config },
                o => o with { Precision = how, Device = where, ExpertsPerToken = where.IsCuda ? [.. Enumerable.Range(1, count)] : null });
            var inBlocks = how is GraphPrecision.Int8 or GraphPrecision.Int4;
            var wide = Dense(2 * parse.GetValue(intermediate)) with { Moe = inBlocks ? new MoeConfig(1, 1) : null };
            using var block = inBlocks ? new ExportedMoe(new TinyMoe { Config = wide }, o => o with { Precision = how }) : null;
            using var dense = inBlocks ? null
                : new TinyServedForest(new TinyForest { Config = wide, Experts = 1 }, o => o with { Precision = how, Device = where });
            var (ofMoe, ofDense) = (Served.Of(moe, config), block is null ? Served.Of(dense!, wide) : Served.Of(block, wide));
            Console.WriteLine(
                $"{count} experts of {3L * width * config.IntermediateSize * config.NumHiddenLayers / 1e6:F1} M parameters each, "
                + $"{config.ParameterCount / 1e6:F1} M in all; dense: {wide.ParameterCount / 1e6:F1} M; {stored} on {where}, "
                + $"batch 1, through the {parse.GetValue(through)}, {parse.GetValue(rounds)} rounds of {parse.GetValue(steps)} steps");
            var good = true;
            foreach (var n in parse.GetValue(threads)!.Split(','))
            {
                if (!int.TryParse(n, out var t) || t < 1) throw new BtxException($"--threads {n}: expected whole numbers above 0");
                measured = new Measured(ofMoe, ofDense, how, where, count, t, throughEngine, parse.GetValue(steps));
                good &= Measure(parse.GetValue(rounds));
            }

            return good ? 0 : 1;
        });
        return verb;
    }

    private static bool Measure(int rounds)
    {
        var statistics = Runs.Benchmark<MixtureCost>(rounds, warmUp: 2).Reports
            .ToDictionary(r => (int)r.BenchmarkCase.Parameters[nameof(K)], r => r.ResultStatistics!);
        Console.WriteLine($"threads {measured.Threads}:");
        var good = Fits("medians", statistics, s => s.Median);
        Fits("fastest rounds, which other processes disturb least", statistics, s => s.Min);
        return good;
    }

    private static bool Fits(string what, Dictionary<int, Statistics> statistics, Func<Statistics, double> figure)
    {
        double Milliseconds(int k) => figure(statistics[k]) / 1e6 / measured.Steps;
        double[] k = [.. statistics.Keys.Where(k => k > 0).Order()], times = [.. k.Select(k => Milliseconds((int)k))];
        var (a, f) = Fit.Line(k, times);
        var r2 = GoodnessOfFit.RSquared(k.Select(k => a + (f * k)), times);
        var ratio = Milliseconds(2) / Milliseconds(0);
        Console.WriteLine(
            $"  {what}: ms a step, k = 1 … {k.Length}: {string.Join("  ", times.Select(m => $"{m:F2}"))}; dense {Milliseconds(0):F2}");
        Console.WriteLine($"    A = {a:F2} ms, F = {f:F2} ms, R² = {r2:F4} ({(r2 > LeastR2 ? "above" : "NOT above")} {LeastR2}); "
            + $"k = 2 / dense = {ratio:F3} ({(ratio <= MostRatio ? "at most" : "MORE than")} {MostRatio})");
        return r2 > LeastR2 && ratio <= MostRatio;
    }

    // The served decode graph alone.
    private Action Graph(Served model)
    {
        using var options = DeviceSessions.Options(measured.Device, measured.Threads);
        foreach (var (key, value) in PlaceholderWeights.SessionEntries(measured.Precision.Name()))
            options.AddSessionConfigEntry(key, value);
        Own(new BoundWeights(Own(new ServedFiles(model.Weights)).Files)).AddTo(options);
        var graph = model.Graphs.First(g => g.Form == ServedGraph.Decode && (g.ExpertsPerToken ?? K) == K);
        var session = Own(new InferenceSession(Path.Combine(model.Directory, graph.File), options, Own(new PrePackedWeightsContainer())));
        var slots = Own(new KvSlots(model.Config, 1, model.Config.MaxPositionEmbeddings, measured.Precision));
        var runner = new GraphRunner(session, model.Config, slots) { ExpertsPerToken = _ => Math.Max(1, K) };
        return () =>
        {
            for (var step = 0; step < measured.Steps; step++) runner.Decode(0, [random.Next(model.Config.VocabSize)], [64 + step]);
        };
    }

    // The prompt is one token, so that a request has a step for each new token.
    private Action Engine(Served model)
    {
        var moe = model.Config.Moe;
        var engine = ForestEngine.Start(new EngineOptions
        {
            Directory = moe is null ? model.Directory : null,
            Moe = moe is null ? null : model.Directory,
            Device = measured.Device,
            Threads = measured.Threads,
            IntraOpThreads = measured.Threads,
            Slots = 1,
            MaxBatchTokens = 64,
            VerifyHashes = false,
        });
        Own(new Stopped(engine));
        var routing = moe is null ? new Routing { Mode = RoutingMode.Expert, Expert = engine.Describe().Experts[0] }
            : new Routing { Mode = RoutingMode.Moe, K = Math.Max(1, K) };
        return () => Runs.GenerateAsync(engine, new GenerationRequest
        {
            Prompt = [random.Next(250)],
            Routing = routing,
            MaxTokens = measured.Steps,
            IgnoreEndOfSequence = true,
        }).GetAwaiter().GetResult();
    }

    private T Own<T>(T value) where T : IDisposable
    {
        owned.Add(value);
        return value;
    }

    private sealed record Measured(Served Moe, Served Dense, GraphPrecision Precision, DeviceSpec Device, int Experts, int Threads,
        bool ThroughEngine, int Steps);

    /// <param name="Weights">Absolute paths of the safetensors files.</param>
    private sealed record Served(LlamaConfig Config, string Directory, IReadOnlyList<ServedGraph> Graphs, IReadOnlyList<string> Weights)
    {
        public static Served Of(ExportedMoe model, LlamaConfig config) => new(config, model.Served, model.Report.Manifest.Graphs,
            [.. model.Report.Manifest.Weights.Select(w => model.Report.Manifest.WeightsFile(model.Served, w))]);

        public static Served Of(TinyServedForest forest, LlamaConfig config) => new(config, forest.Served, forest.Report.Manifest.Graphs,
            CheckpointFiles.Weights(forest.Report.Manifest.WeightsDirectory(forest.Served, forest.Report.Manifest.Experts[0])));
    }

    private sealed class Stopped(ForestEngine engine) : IDisposable
    {
        public void Dispose() => engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
