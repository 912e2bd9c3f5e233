using Btx.Engine.Requests;
using Btx.Exporter;
using Btx.Model.Configuration;
using Btx.Model.Mixing;

namespace Btx.Bench;

/// <summary>One expert in the engine beside the same expert in other libraries, and beside its own graph alone.</summary>
internal static class EnginePairs
{
    public static IReadOnlyList<Pair> All { get; } =
    [
        Peers(1, [new($"{Sizes.Large}, beside llama.cpp", Least: 1)]),
        Peers(8, [new($"{Sizes.Large}, beside GenAI", Least: 1.3), new($"{Sizes.Small}, beside GenAI", Least: 1)]),
        new("overhead", "a step of the engine over a run of its graph alone, in µs, one expert at batch 1",
            [new(Sizes.Large, Most: 1.03)], Overhead),
    ];

    private static Pair Peers(int batch, Bar[] bars) => new($"batch-{batch}",
        $"tokens/s of one expert decoding {batch} at a time: the engine over GenAI and over llama.cpp, fp32", bars, s => Peers(s, batch));

    private const int Context = 512;

    private static async IAsyncEnumerable<Sample> Peers(PairSettings settings, int batch)
    {
        foreach (var (name, config) in Sizes.Of(settings, Context))
        {
            using var forest = new TinyServedForest(new TinyForest { Config = config, Experts = 1 }, o => o with { GenAI = true });
            var (manifest, tokens) = (forest.Report.Manifest, settings.Quick ? 64 : 128);
            await using var engine = Runs.Start(forest, settings.Threads);
            foreach (var (library, title, directory) in new[]
            {
                ("genai", "GenAI", manifest.WeightsDirectory(forest.Served, manifest.Experts[0])),
                ("llama.cpp", "llama.cpp", Path.Combine(forest.Forest, "experts", manifest.Experts[0].Name)),
            })
            {
                using var peer = new PeerProcess(library, directory, settings.Threads, batch);
                await foreach (var sample in Pair.AlternateAsync($"{name}, beside {title}", settings.Samples,
                    () => Runs.DecodeAsync(engine, Runs.Only(engine), batch, tokens), () => Task.FromResult(peer.Decode(batch, tokens))))
                    yield return sample;
            }
        }
    }

    // Microseconds a step, of the same positions.
    private static async IAsyncEnumerable<Sample> Overhead(PairSettings settings)
    {
        const int Steps = 64;
        foreach (var (name, config) in Sizes.Of(settings, Context))
        {
            using var forest = new TinyServedForest(new TinyForest { Config = config, Experts = 1 });
            await using var engine = Runs.Start(forest, settings.Threads);
            using var graph = new ServedGraphRun(forest, config, GraphForm.Decode, settings.Threads);
            await foreach (var sample in Pair.AlternateAsync(name, settings.Samples,
                async () => 1e6 / await Runs.DecodeAsync(engine, Runs.Only(engine), 1, Steps),
                () => Task.FromResult(graph.Decode(Runs.PromptTokens, Steps))))
                yield return sample;
        }
    }
}
