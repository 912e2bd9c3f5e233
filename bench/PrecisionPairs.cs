using Btx.Engine.Forests;
using Btx.Exporter;

namespace Btx.Bench;

/// <summary>An expert in int8 or int4 beside the same expert in fp32, and beside llama.cpp in as many bits. What bits cost in quality is
/// measured with trained experts: docs/benchmarks.md.</summary>
internal static class PrecisionPairs
{
    private const int PrefillTokens = 512, Tokens = 64, Context = 1024;

    public static IReadOnlyList<Pair> All { get; } =
    [
        Of(GraphPrecision.Int8, "q8_0", decode: 2.5, prefill: 1.7, memory: 0.55), Of(GraphPrecision.Int4, "q4_0", 4, null, 0.3),
    ];

    private static Pair Of(GraphPrecision precision, string peer, double decode, double? prefill, double memory)
    {
        var name = precision.Name();
        return new(name, $"tokens/s of one expert in {name} over fp32, and over llama.cpp in {peer}; bytes of its weights over fp32",
        [
            new($"{Sizes.Large}, decode at batch 1 over fp32", Least: decode),
            .. prefill is null ? [] : new Bar[] { new($"{Sizes.Large}, prefill over fp32", Least: prefill) },
            new($"{Sizes.Large}, bytes over fp32", Most: memory), new($"{Sizes.Large}, batch 1 over llama.cpp", Least: 1),
            new($"{Sizes.Large}, batch 8 over llama.cpp", Least: 1),
        ], settings => Run(settings, precision, peer));
    }

    private static async IAsyncEnumerable<Sample> Run(PairSettings settings, GraphPrecision precision, string peer)
    {
        foreach (var (size, config) in Sizes.Of(settings, Context))
        {
            var tiny = new TinyForest { Config = config, Experts = 1 };
            using var stored = new TinyServedForest(tiny);
            using var rounded = new TinyServedForest(tiny, o => o with { Precision = precision });
            await using var fp32 = Runs.Start(stored, settings.Threads);
            await using var engine = Runs.Start(rounded, settings.Threads);
            var only = Runs.Only(engine);
            await foreach (var sample in Pair.AlternateAsync($"{size}, decode at batch 1 over fp32", settings.Samples,
                () => Runs.DecodeAsync(engine, only, 1, Tokens), () => Runs.DecodeAsync(fp32, only, 1, Tokens)))
                yield return sample;
            await foreach (var sample in Pair.AlternateAsync($"{size}, prefill over fp32", settings.Samples,
                () => PrefillAsync(engine), () => PrefillAsync(fp32)))
                yield return sample;
            yield return new($"{size}, bytes over fp32", engine.Describe().Memory.Weights, fp32.Describe().Memory.Weights);
            foreach (var batch in new[] { 1, 8 })
            {
                var directory = Path.Combine(stored.Forest, "experts", only.Expert!);
                using var other = new PeerProcess("llama.cpp", directory, settings.Threads, batch, "--precision", peer, "--context",
                    $"{Context}");
                await foreach (var sample in Pair.AlternateAsync($"{size}, batch {batch} over llama.cpp", settings.Samples,
                    () => Runs.DecodeAsync(engine, only, batch, Tokens), () => Task.FromResult(other.Decode(batch, Tokens))))
                    yield return sample;
            }
        }
    }

    // Tokens of a prompt a second, until the first token of the answer.
    private static async Task<double> PrefillAsync(ForestEngine engine) => 1000 * PrefillTokens / await Runs.FirstTokenAsync(engine,
        Runs.Only(engine), [.. Enumerable.Range(0, PrefillTokens).Select(i => 33 + (7 * i % 90))]);
}
