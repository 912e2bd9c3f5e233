using Btx.Model.Mixing;

namespace Btx.Bench;

/// <summary>What it costs to choose an expert by the prompt, beside a request that names one.</summary>
internal static class RouterPair
{
    private const int Experts = 8, Prompt = 512, Requests = 3;

    public static Pair FirstToken { get; } = new("top-k-first-token",
        $"time to the first token of top_k with k = 1 over that of mode expert, in ms, {Prompt} prompt tokens, {Experts} experts",
        [new($"{Sizes.Small}, probe", Most: 1.3), new($"{Sizes.Large}, probe", Most: 1.3)], Run);

    private static async IAsyncEnumerable<Sample> Run(PairSettings settings)
    {
        foreach (var (name, config) in Sizes.Of(settings, context: 640))
        {
            using var forest = new TinyServedForest(new TinyForest { Config = config, Experts = Experts });
            await using var engine = Runs.Start(forest, settings.Threads);
            while (engine.BuildsUnderWay > 0) await Task.Delay(5);
            var random = new Random(1);
            foreach (var router in Enum.GetValues<ExpertRouter>().Reverse())
            {
                var routing = new Routing { Mode = RoutingMode.TopK, K = 1, Router = router };
                await foreach (var sample in Pair.AlternateAsync($"{name}, {router.ToString().ToLowerInvariant()}", settings.Samples,
                    () => FirstTokenAsync(engine, routing, random), () => FirstTokenAsync(engine, Runs.Only(engine), random)))
                    yield return sample;
            }
        }
    }

    /// <summary>Milliseconds, the mean of a few requests one after the other, each with a prompt of its own.</summary>
    private static async Task<double> FirstTokenAsync(ForestEngine engine, Routing routing, Random random)
    {
        var sum = 0.0;
        for (var i = 0; i < Requests; i++)
            sum += await Runs.FirstTokenAsync(engine, routing, [.. Enumerable.Range(0, Prompt).Select(_ => random.Next(250))]);
        return sum / Requests;
    }
}
