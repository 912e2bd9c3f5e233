using System.Globalization;
using Btx.Bench.Engine;
using Btx.Engine;
using Btx.Model;
using Btx.Model.Mixing;

// Compares the engine with ONNX Runtime GenAI's generator on the same exported expert, in alternating runs of one process, and
// measures what each further expert costs, of a forest and of a BTX model, and which division of threads serves best.
// usage: Btx.Bench.Engine [--size tiny|30m] [--pairs N] [--tokens N] [--threads N]
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string size = "tiny";
int pairs = 5, tokens = 128, threads = Environment.ProcessorCount;
for (var i = 0; i < args.Length; i += 2)
{
    if (i + 1 == args.Length) return Usage($"{args[i]} needs a value");
    switch (args[i])
    {
        case "--size": size = args[i + 1]; break;
        case "--pairs": pairs = int.Parse(args[i + 1]); break;
        case "--tokens": tokens = int.Parse(args[i + 1]); break;
        case "--threads": threads = int.Parse(args[i + 1]); break;
        default: return Usage($"{args[i]}: unknown option");
    }
}

try
{
    using var forest = new BenchForest(size);
    Console
        .WriteLine($"{size}: {forest.Config.ParameterCount / 1e6:F1} M parameters an expert, 4 experts, fp32, {threads} threads, "
            + $"{Runs.PromptTokens} prompt + {tokens} new tokens, median of {pairs}");
    using var generator = new Microsoft.ML.OnnxRuntimeGenAI.Model(forest.GenAI);
    foreach (var (workers, intra, spinning) in new[] { (threads, 1, false), (threads, threads, false), (1, threads, false),
        (threads, 1, true) })
    {
        await using var engine = ForestEngine.Start(new EngineOptions
        {
            Directory = forest.Served,
            Moe = forest.Moe,
            Threads = workers,
            IntraOpThreads = intra,
            AllowSpinning = spinning,
            Slots = 8
        });
        Console.WriteLine($"workers {workers}, threads a session {intra}{(spinning ? ", spinning" : "")}");
        foreach (var batch in new[] { 1, 8 })
        {
            var expert = new Routing { Mode = RoutingMode.Expert, Expert = engine.Describe().Experts[0] };
            List<Speed> ours = [], theirs = [];
            List<double> ratios = [];
            for (var pair = -1; pair < pairs; pair++)
            {
                var a = await Runs.Engine(engine, expert, batch, tokens);
                var b = Runs.Generator(generator, batch, tokens);
                if (pair < 0) continue; // warm-up
                ours.Add(a);
                theirs.Add(b);
                ratios.Add(a.TokensPerSecond / b.TokensPerSecond);
            }

            Console
                .WriteLine($"  batch {batch}: expert {Speed.Median(ours)}; generator {Speed.Median(theirs)}; ratio "
                    + $"{ratios.Order().ElementAt(pairs / 2):F2}");
            foreach (var mode in new[] { RoutingMode.TopK, RoutingMode.Moe })
            {
                var cost = new List<string>();
                for (var k = 1; k <= 4; k++)
                {
                    var runs = new List<Speed>();
                    for (var run = 0; run <= pairs; run++)
                        runs.Add(await Runs.Engine(engine, new Routing { Mode = mode, K = k }, batch, tokens));
                    cost.Add($"k={k} {Speed.Median(runs[1..])}");
                }

                Console.WriteLine($"           {(mode == RoutingMode.TopK ? "top_k" : "moe")}: {string.Join(", ", cost)}");
            }
        }
    }

    return 0;
}
catch (BtxException e)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}

static int Usage(string problem)
{
    Console.Error.WriteLine($"error: {problem}; usage: Btx.Bench.Engine [--size tiny|30m] [--pairs N] [--tokens N] [--threads N]");
    return 2;
}
