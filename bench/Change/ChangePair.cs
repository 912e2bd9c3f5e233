using System.Diagnostics;
using Btx.Engine.Forests;

namespace Btx.Bench.Change;

/// <summary>The time between two tokens of a stream while the forest changes, in rounds of an addition, an average, a removal and an
/// equally long time without a change.</summary>
internal static class ChangePair
{
    private const int WindowMilliseconds = 600, Streams = 4, Experts = 4;

    public static Pair Changes { get; } = new("changes",
        "worst gap between two tokens of a stream while the forest changes over the median before, in ms, 4 streams of mode ensemble",
        [new($"{Sizes.Small}, addition", Most: 2), new($"{Sizes.Large}, addition", Most: 2)], Run);

    private static async IAsyncEnumerable<Sample> Run(PairSettings settings)
    {
        // A stream that begins before a change still runs after it.
        foreach (var (name, config) in Sizes.Of(settings, context: 2048))
        {
            var tiny = new TinyForest { Config = config, Experts = Experts };
            using var forest = new TinyServedForest(tiny);
            var guest = Runs.Guest(forest, tiny);
            var asked = new ChangeLoad(tiny, Streams, Requests: false, settings.Threads, Records: true);
            await using var engine = Cycles.Start(forest, asked);
            while (engine.BuildsUnderWay > 0) await Task.Delay(5);
            var add = new ForestChange { Add = [guest] };
            var average = new ForestChange
            {
                Averages = new Dictionary<string, IReadOnlyDictionary<string, double>>
                {
                    ["weighted"] = engine.Describe().Experts.Index().ToDictionary(e => e.Item, e => e.Index + 1.0),
                },
            };
            var remove = new ForestChange
            { Remove = [guest.Name], Averages = new Dictionary<string, IReadOnlyDictionary<string, double>>() };
            for (var round = -1; round < settings.Samples; round++)
            {
                var (added, took) = await RunAsync(engine, asked, add);
                var averaged = await RunAsync(engine, asked, average);
                var removed = await RunAsync(engine, asked, remove);
                var (nothing, _) = await RunAsync(engine, asked, null, took);
                if (round < 0) continue; // warm-up
                foreach (var (kind, gaps) in new[] { ("addition", added), ("average", averaged.Gaps), ("removal", removed.Gaps),
                    ("nothing, as long", nothing) })
                    yield return new($"{name}, {kind}", gaps.Worst, gaps.Median);
            }
        }
    }

    /// <param name="change">Null: nothing, for <paramref name="length"/>.</param>
    /// <returns>Milliseconds between tokens: the median before and the worst from the change's beginning to the end of what it left to
    /// the background; and how long that was.</returns>
    private static async Task<((double Median, double Worst) Gaps, TimeSpan Took)> RunAsync(ForestEngine engine, ChangeLoad asked,
        ForestChange? change, TimeSpan length = default)
    {
        var load = await Load.StartAsync(engine, asked);
        long before, begin, end;
        try
        {
            before = Stopwatch.GetTimestamp();
            await Task.Delay(WindowMilliseconds);
            begin = Stopwatch.GetTimestamp();
            if (change is null) await Task.Delay(length);
            else await engine.SwapAsync(await engine.PrepareAsync(change), InFlightPolicy.Renormalise);
            while (engine.BuildsUnderWay > 0) await Task.Delay(2);
            end = Stopwatch.GetTimestamp();
            await Task.Delay(WindowMilliseconds); // a gap that the change made may end after it
        }
        finally
        {
            await load.DisposeAsync();
        }

        double[] quiet = [.. load.Gaps.Where(g => g.At > before && g.At <= begin).Select(g => g.Milliseconds).Order()];
        var during = load.Gaps.Where(g => g.At > begin && g.At - (g.Milliseconds * Stopwatch.Frequency / 1000) <= end);
        return ((quiet[quiet.Length / 2], during.Max(g => g.Milliseconds)), Stopwatch.GetElapsedTime(begin, end));
    }
}
