using System.CommandLine;
using System.Diagnostics;
using Btx.Model.Mixing;
using MathNet.Numerics.Statistics;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace Btx.Bench;

/// <summary>The engine beside ONNX Runtime GenAI's generator on the same exported expert, in alternating runs; then what each further
/// expert costs, of a forest and of a BTX model, under each division of threads.</summary>
internal static class EnginePair
{
    public static Command Verb()
    {
        var size = new Choice("--size", ["tiny", "30m"], "parameters an expert: 1.3 M or 27 M", "tiny");
        var pairs = new Flag<int>("--pairs N", "runs of each, in alternation; medians are shown", 5).Between(1);
        var tokens = new Flag<int>("--tokens N", "new tokens a sequence", 128).Between(1);
        var threads = new Flag<int>("--threads N", "for the engine's workers, or for a session", Environment.ProcessorCount).Between(1);
        var verb = new Command("engine", "The engine beside GenAI's generator, and what each further expert costs.") { size, pairs, tokens,
            threads };
        verb.SetAction(async (parse, _) =>
        {
            var config = parse.GetValue(size) == "tiny" ? Sizes.Of1M : Sizes.Of27M(512);
            await MeasureAsync(config, parse.GetValue(pairs), parse.GetValue(tokens), parse.GetValue(threads));
            return 0;
        });
        return verb;
    }

    private static async Task MeasureAsync(Model.Configuration.LlamaConfig config, int pairs, int tokens, int threads)
    {
        var tiny = new TinyForest { Config = config, Experts = 4 };
        using var forest = new TinyServedForest(tiny, o => o with { GenAI = true });
        using var moe = new TinyServedMoe(tiny: tiny);
        var manifest = forest.Report.Manifest;
        using var generator = new Microsoft.ML.OnnxRuntimeGenAI.Model(manifest.WeightsDirectory(forest.Served, manifest.Experts[0]));
        Console.WriteLine($"{config.ParameterCount / 1e6:F1} M parameters an expert, 4 experts, fp32, {threads} threads, "
            + $"{Runs.PromptTokens} prompt + {tokens} new tokens, median of {pairs}");
        foreach (var (workers, intra, spin) in new[] { (threads, 1, false), (threads, threads, false), (1, threads, false),
            (threads, 1, true) })
        {
            await using var engine = ForestEngine.Start(new EngineOptions
            {
                Directory = forest.Served,
                Moe = moe.Served,
                Threads = workers,
                IntraOpThreads = intra,
                AllowSpinning = spin,
                Slots = 8,
            });
            Console.WriteLine($"workers {workers}, threads a session {intra}{(spin ? ", spinning" : "")}");
            foreach (var batch in new[] { 1, 8 })
            {
                var expert = new Routing { Mode = RoutingMode.Expert, Expert = engine.Describe().Experts[0] };
                List<Speed> ours = [], theirs = [];
                for (var pair = 0; pair <= pairs; pair++)
                {
                    ours.Add(await Engine(engine, expert, batch, tokens));
                    theirs.Add(Generator(generator, batch, tokens));
                }

                var ratio = ours.Zip(theirs, (a, b) => a.TokensPerSecond / b.TokensPerSecond).Skip(1).Median(); // the first is warm-up
                Console.WriteLine(
                    $"  batch {batch}: expert {Speed.Median(ours[1..])}; generator {Speed.Median(theirs[1..])}; ratio {ratio:F2}");
                foreach (var mode in new[] { RoutingMode.TopK, RoutingMode.Moe })
                {
                    var cost = new List<string>();
                    for (var k = 1; k <= 4; k++)
                    {
                        var runs = new List<Speed>();
                        for (var run = 0; run <= pairs; run++)
                            runs.Add(await Engine(engine, new Routing { Mode = mode, K = k }, batch, tokens));
                        cost.Add($"k={k} {Speed.Median(runs[1..])}");
                    }

                    Console.WriteLine($"           {(mode == RoutingMode.TopK ? "top_k" : "moe")}: {string.Join(", ", cost)}");
                }
            }
        }
    }

    // A batch of greedy generations, prompt included.
    private static async Task<Speed> Engine(ForestEngine engine, Routing routing, int batch, int tokens)
    {
        var (clock, cpu) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        await Task.WhenAll([.. Enumerable.Range(0, batch).Select(row => Runs.GenerateAsync(engine, Runs.Greedy(row, routing, tokens)))]);
        return Speed.Since(clock, cpu, batch * tokens);
    }

    private static Speed Generator(Microsoft.ML.OnnxRuntimeGenAI.Model model, int batch, int tokens)
    {
        var (clock, cpu) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        using var parameters = new GeneratorParams(model);
        parameters.SetSearchOption("max_length", Runs.PromptTokens + tokens);
        parameters.SetSearchOption("min_length", Runs.PromptTokens + tokens);
        parameters.SetSearchOption("batch_size", batch);
        using var generator = new Generator(model, parameters);
        generator.AppendTokens(Enumerable.Range(0, batch).SelectMany(Runs.Prompt).ToArray());
        while (!generator.IsDone()) generator.GenerateNextToken();
        return Speed.Since(clock, cpu, batch * tokens);
    }

    /// <summary>Wall time says what a user sees, processor time what it costs whatever else the machine does.</summary>
    private readonly record struct Speed(double TokensPerSecond, double CpuMicroseconds)
    {
        public static Speed Since(Stopwatch clock, TimeSpan cpu, int tokens) =>
            new(tokens / clock.Elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / tokens);

        public static Speed Median(IReadOnlyCollection<Speed> runs) =>
            new(runs.Select(r => r.TokensPerSecond).Median(), runs.Select(r => r.CpuMicroseconds).Median());

        public override string ToString() => $"{TokensPerSecond:F0} tokens/s ({CpuMicroseconds:F0} µs of processor a token)";
    }
}
