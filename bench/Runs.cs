using System.Diagnostics;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Mixing;

namespace Btx.Bench;

internal static class Runs
{
    public const int PromptTokens = 16;

    /// <summary>Runs a BenchmarkDotNet class in this process, which holds what its cases need, and prints the table.</summary>
    /// <param name="iterations">Of each case, one call each, after <paramref name="warmUp"/> that do not count.</param>
    public static Summary Benchmark<T>(int iterations, int warmUp)
    {
        var scratch = Directory.CreateTempSubdirectory("btx-bench-");
        try
        {
            var job = Job.Default.WithStrategy(RunStrategy.Monitoring).WithIterationCount(iterations).WithWarmupCount(warmUp)
                .WithInvocationCount(1).WithUnrollFactor(1).WithToolchain(new InProcessNoEmitToolchain(TimeSpan.FromHours(6),
                logOutput: false));
            var log = new LogCapture();
            var summary = BenchmarkRunner.Run<T>(ManualConfig.CreateEmpty().AddJob(job).AddLogger(log).WithArtifactsPath(scratch.FullName)
                .AddColumnProvider(DefaultColumnProviders.Instance).AddColumn(StatisticColumn.Median, StatisticColumn.Min));
            if (summary.Reports.IsEmpty || summary.Reports.Any(r => r.ResultStatistics is null))
                throw new BtxException($"a case could not be measured:\n{string.Concat(log.CapturedOutput.Select(o => o.Text))}");
            MarkdownExporter.Console.ExportToLog(summary, ConsoleLogger.Default);
            return summary;
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    /// <summary>A greedy request that runs to its last token.</summary>
    /// <param name="text">Another number, another prompt.</param>
    public static GenerationRequest Greedy(int text, Routing routing, int tokens) => new()
    {
        Prompt = Prompt(text),
        Routing = routing,
        MaxTokens = tokens,
        IgnoreEndOfSequence = true,
        Sampling = new SamplingOptions { Temperature = 0 },
    };

    public static int[] Prompt(int text) => [.. Enumerable.Range(0, PromptTokens).Select(i => 33 + ((text + (7 * i)) % 90))];

    public static ForestEngine Start(TinyServedForest forest, int threads) => ForestEngine.Start(new EngineOptions
    {
        Directory = forest.Served,
        Threads = threads,
        Slots = 8,
        VerifyHashes = false,
    });

    /// <summary>Writes the expert that comes and goes.</summary>
    public static ExpertSource Guest(TinyServedForest forest, TinyForest tiny)
    {
        var guest = new ExpertSource { Name = "guest", Domain = "guest", Directory = forest.Forest + "-guest" };
        tiny.WriteExpert(guest.Directory, 99);
        return guest;
    }

    /// <summary>The first expert alone.</summary>
    public static Routing Only(ForestEngine engine) => new() { Mode = RoutingMode.Expert, Expert = engine.Describe().Experts[0] };

    /// <summary>A batch of greedy generations.</summary>
    /// <returns>Tokens a second once every one of them has its first.</returns>
    public static async Task<double> DecodeAsync(ForestEngine engine, Routing routing, int batch, int tokens)
    {
        var clock = new DecodeClock(batch);
        await Task.WhenAll(Enumerable.Range(0, batch).Select(async row =>
        {
            await foreach (var e in engine.Generate(Greedy(row, routing, tokens), CancellationToken.None).ReadAllAsync())
            {
                if (e.Token is not null) clock.Token(row);
                if (e.Finish is not (FinishReason.None or FinishReason.Length))
                    throw new InvalidOperationException($"a stream ended with {e.Finish}: {e.Message}");
            }
        }));
        return clock.TokensPerSecond;
    }

    /// <summary>Milliseconds until the first token of an answer to a prompt.</summary>
    public static async Task<double> FirstTokenAsync(ForestEngine engine, Routing routing, int[] prompt)
    {
        var began = Stopwatch.GetTimestamp();
        await GenerateAsync(engine, Greedy(0, routing, 1) with { Prompt = prompt });
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    /// <summary>Reads a stream to its end.</summary>
    public static async Task GenerateAsync(ForestEngine engine, GenerationRequest request)
    {
        await foreach (var e in engine.Generate(request, CancellationToken.None).ReadAllAsync())
            if (e.Finish is FinishReason.Failed or FinishReason.Cancelled) throw new InvalidOperationException(
                $"a stream ended with {e.Finish}");
    }
}

/// <summary>Sizes of experts, in parameters. Their weights are random: speed does not ask what they say.</summary>
internal static class Sizes
{
    /// <summary>Names of the sizes that are measured: a demo's, and one whose weights are larger than a last-level cache.</summary>
    public const string Small = "1.3 M", Large = "27 M";

    private static readonly LlamaConfig Tiny = TinyForest.DefaultConfig;

    /// <summary>Those that a run measures.</summary>
    public static (string Name, LlamaConfig Config)[] Of(PairSettings settings, int context) =>
        [(Small, Of1M with { MaxPositionEmbeddings = context }), .. settings.Quick ? [] : new[] { (Large, Of27M(context)) }];

    public static LlamaConfig Of1M { get; } =
        Tiny with { VocabSize = 2048, HiddenSize = 128, IntermediateSize = 352, NumHiddenLayers = 4, MaxPositionEmbeddings = 512 };

    /// <summary>110 MB in fp32: more than a last-level cache.</summary>
    public static LlamaConfig Of27M(int context) => Wide(512, 1376, 8, context);

    /// <param name="hidden">Heads are 64 wide; the key and value heads of 512 and of 1,536 are a half and a quarter of them.</param>
    public static LlamaConfig Wide(int hidden, int intermediate, int layers, int context) => Tiny with
    {
        VocabSize = 4096,
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        NumHiddenLayers = layers,
        NumAttentionHeads = hidden / 64,
        NumKeyValueHeads = hidden == 512 ? 4 : hidden / 64 % 4 == 0 ? hidden / 256 : 1,
        MaxPositionEmbeddings = context,
    };
}
