using Btx.Exporter;
using Btx.Model;
using Btx.Model.Configuration;

namespace Btx.Bench;

/// <summary>What an ensemble's prompt costs on one expert: likelihoods made in the graph, a chunk of positions at a time, beside the logits
/// of all positions and their likelihoods made from them.</summary>
internal static class PrefillPair
{
    private const int Prompt = 512;
    private const string Vocabulary = "vocabulary of 128 k";

    public static Pair Memory { get; } = new("prefill-memory",
        $"an expert's run of {Prompt} prompt tokens: likelihoods in the graph over all logits; ms, and MB at the peak",
        [new($"{Vocabulary}, memory", Most: 0.25), new($"{Vocabulary}, time", Most: 1), new($"{Sizes.Small}, time", Most: 1.05)], Run);

    private static async IAsyncEnumerable<Sample> Run(PairSettings settings)
    {
        foreach (var (name, config) in Sizes.Of(settings, Prompt))
            await foreach (var sample in TimeAsync(name, config, settings)) yield return sample;
        if (settings.Quick) yield break;
        var wide = Sizes.Of1M with { VocabSize = 1 << 17 };
        await foreach (var sample in TimeAsync(Vocabulary, wide, settings)) yield return sample;
        using var forest = new TinyServedForest(new TinyForest { Config = wide, Experts = 1 });
        await foreach (var sample in Pair.AlternateAsync($"{Vocabulary}, memory", settings.Samples,
            () => Task.FromResult(PeakMegabytes(true)), () => Task.FromResult(PeakMegabytes(false))))
            yield return sample;

        // A session of its own each time: what one has taken it keeps.
        double PeakMegabytes(bool inGraph)
        {
            using var graph = new ServedGraphRun(forest, wide, GraphForm.Ragged(1), settings.Threads);
            GC.Collect();
            File.WriteAllText("/proc/self/clear_refs", "5"); // the peak is now what is in memory
            var before = Status("VmRSS");
            graph.Prefill(Prompt, inGraph);
            return (Status("VmHWM") - before) / 1024.0;
        }
    }

    private static async IAsyncEnumerable<Sample> TimeAsync(string name, LlamaConfig config, PairSettings settings)
    {
        using var forest = new TinyServedForest(new TinyForest { Config = config, Experts = 1 });
        using var first = new ServedGraphRun(forest, config, GraphForm.Ragged(1), settings.Threads);
        using var second = new ServedGraphRun(forest, config, GraphForm.Ragged(1), settings.Threads);
        await foreach (var sample in Pair.AlternateAsync($"{name}, time", settings.Samples,
            () => Task.FromResult(first.Prefill(Prompt, inGraph: true)), () => Task.FromResult(second.Prefill(Prompt, inGraph: false))))
            yield return sample;
    }

    private static long Status(string field) => File.ReadLines("/proc/self/status")
        .Where(line => line.StartsWith(field + ":", StringComparison.Ordinal)).Select(line => long.Parse(line.Split(' ',
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^2], System.Globalization.CultureInfo.InvariantCulture))
        .FirstOrDefault();
}
