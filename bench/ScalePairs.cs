using System.Diagnostics;
using Btx.Engine.Requests;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Mixing;

namespace Btx.Bench;

/// <summary>What mixing and many experts cost: a BTX model beside a dense one of as many active parameters, 64 experts beside 8.</summary>
internal static class ScalePairs
{
    private const int Context = 256, Tokens = 64, Many = 64, Few = 8;
    private const string SmallMixture = "4 M", LargeMixture = "33 M";

    public static Pair Mixture { get; } = new("moe-small",
        "tokens/s of a BTX model of 4 experts, k = 2, over those of a dense model of as many active parameters",
        [.. new[] { 1, 4, 8 }.SelectMany(n =>
            new Bar[] { new(Case(SmallMixture, n), Least: 0.75), new(Case(LargeMixture, n), Least: 0.9) })],
        MixtureAsync);

    public static Pair Experts { get; } = new($"experts-{Many}",
        $"{Many} experts of {Sizes.Small}: tokens/s of top_k with k = 2 over those with {Few}, and seconds to load them over those to read "
            + "their files", [new("top_k", Least: 0.9), new("load", Most: 2)], ManyAsync);

    private static string Case(string size, int inFlight) => $"{size}, {inFlight} in flight";

    private static async IAsyncEnumerable<Sample> MixtureAsync(PairSettings settings)
    {
        foreach (var (name, width, feedForward, layers) in new[] { (SmallMixture, 256, 384, 4), (LargeMixture, 1024, 2048, 2) })
        {
            if (settings.Quick && name == LargeMixture) yield break;
            LlamaConfig Dense(int times) => Sizes.Wide(width, times * feedForward, layers, Context) with { VocabSize = 2048 };
            using var mixed = new ExportedMoe(new TinyMoe { Config = Dense(1) with { Moe = new MoeConfig(4, 2) } });
            using var dense = new TinyServedForest(new TinyForest { Config = Dense(2), Experts = 1 });
            await using var mixture = ForestEngine.Start(new EngineOptions
            { Moe = mixed.Served, Threads = settings.Threads, Slots = 8, VerifyHashes = false });
            await using var alone = Runs.Start(dense, settings.Threads);
            var routed = new Routing { Mode = RoutingMode.Moe, K = 2 };
            foreach (var inFlight in new[] { 1, 4, 8 })
                await foreach (var sample in Pair.AlternateAsync(Case(name, inFlight), settings.Samples,
                    () => Runs.DecodeAsync(mixture, routed, inFlight, Tokens),
                    () => Runs.DecodeAsync(alone, Runs.Only(alone), inFlight, Tokens)))
                    yield return sample;
        }
    }

    private static async IAsyncEnumerable<Sample> ManyAsync(PairSettings settings)
    {
        TinyServedForest Of(int experts) => new(new TinyForest
        {
            Config = Sizes.Of1M,
            Names = [.. Enumerable.Range(0, experts).Select(i => $"expert-{i}")],
            Experts = experts,
        });
        using TinyServedForest many = Of(Many), few = Of(Few);
        var files = Directory.GetFiles(many.Forest, "*.safetensors", SearchOption.AllDirectories);
        var buffer = new byte[1 << 20];
        await foreach (var sample in Pair.AlternateAsync("load", settings.Samples, async () =>
        {
            var began = Stopwatch.GetTimestamp();
            await using var loaded = Runs.Start(many, settings.Threads);
            return Stopwatch.GetElapsedTime(began).TotalSeconds;
        }, () =>
        {
            var began = Stopwatch.GetTimestamp();
            foreach (var file in files)
            {
                using var stream = File.OpenRead(file);
                while (stream.Read(buffer) > 0) ;
            }

            return Task.FromResult(Stopwatch.GetElapsedTime(began).TotalSeconds);
        })) yield return sample;
        await using var ofMany = Runs.Start(many, settings.Threads);
        await using var ofFew = Runs.Start(few, settings.Threads);
        var routing = new Routing { Mode = RoutingMode.TopK, K = 2 };
        await foreach (var sample in Pair.AlternateAsync("top_k", settings.Samples, () => Runs.DecodeAsync(ofMany, routing, 4, Tokens),
            () => Runs.DecodeAsync(ofFew, routing, 4, Tokens))) yield return sample;
    }
}
