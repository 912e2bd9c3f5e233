using System.Text.Json;
using Btx.Engine;
using Btx.Engine.Forests;

namespace Btx.Bench.Change;

/// <summary>Rounds of an addition, an average, a removal and nothing, and what they show.</summary>
internal static class Latency
{
    private const double Most = 2;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <returns>Whether the additions keep the bound.</returns>
    public static async Task<bool> Measure(BenchForest forest, BenchOptions o)
    {
        using var steps = new Steps(o.Split);
        await using var engine = ForestEngine.Start(new EngineOptions
        {
            Directory = forest.Served,
            Threads = o.Threads,
            Slots = Math.Max(8, o.Streams),
            PrepareAverages = true,
            VerifyHashes = false,
            Observer = steps
        });
        while (engine.BuildsUnderWay > 0) await Task.Delay(5);
        var weighted = engine.Describe().Experts.Select((e, j) => (e, j + 1.0)).ToDictionary(t => t.e, t => t.Item2);
        var add = new ForestChange { Add = [forest.Guest] };
        var average =
            new ForestChange { Averages = new Dictionary<string, IReadOnlyDictionary<string, double>> { ["weighted"] = weighted } };
        var remove = new ForestChange
        {
            Remove = [forest.Guest.Name],
            Averages = new Dictionary<string, IReadOnlyDictionary<string, double>>()
        };
        var rounds = new List<Round>();
        for (var repeat = -1; repeat < o.Repeats; repeat++)
        {
            Round[] some = [await Round.Run(engine, o, steps, "addition", add), await Round.Run(engine, o, steps, "average", average),
                await Round.Run(engine, o, steps, "removal", remove)];
            if (repeat < 0) Console.WriteLine(o.Title(forest));
            // the first is warm-up
            if (repeat >= 0) rounds.AddRange([.. some, await Round.Run(engine, o, steps, "nothing", null, some[0].Duration)]);
        }

        Console
            .WriteLine($"  ms between two tokens of a stream; of {o.Repeats} rounds the median (and the worst); build, swap, background, "
                + "after: the worst gap of each window");
        Console
            .WriteLine($"  {"",-18} {"median",7} {"p99",7} {"worst",7} {"build",15} {"swap",15} {"background",15} {"p99 during",10} "
                + $"{"after",15} {"worst / median",15}   ms: build, swap (pause), background; others' cores");
        foreach (var kind in rounds.GroupBy(r => r.Kind)) Print(kind.Key, [.. kind]);
        foreach (var round in rounds.Where(_ => o.Split))
        {
            Console.WriteLine($"  {round.Kind}: a step of the median, then the worst of each window");
            foreach (var (window, worst) in round.Splits) Console.WriteLine($"    {window,-10} {worst}");
        }

        if (o.Json is not null)
            await File.WriteAllTextAsync(o.Json,
                JsonSerializer.Serialize(new { o.Size, o.Mode, o.Streams, o.Experts, o.Requests, rounds }, Indented));
        double Ratio(string kind) => Windows.Quantile([.. rounds.Where(r => r.Kind == kind).Select(r => r.Client.Ratio)], 0.5);
        Console
            .WriteLine($"  worst gap during an addition / median before: {Ratio("addition"):F2} "
                + $"({(Ratio("addition") <= Most ? "at most" : "MORE than")} {Most}); as long without a change: {Ratio("nothing"):F2}");
        return Ratio("addition") <= Most;
    }

    private static void Print(string kind, IReadOnlyList<Round> rounds)
    {
        double Median(Func<Round, double> of) => Windows.Quantile([.. rounds.Select(of)], 0.5);
        foreach (var (seen, of) in new (string, Func<Round, Windows>)[] { ("client", r => r.Client), ("engine", r => r.Engine) })
        {
            string Both(Func<Windows, double> what) => $"{Median(r => what(of(r))):F2} ({rounds.Max(r => what(of(r))):F2})";
            var times = seen == "client"
                ? $"{Median(r => r.BuildTime):F0}, {Median(r => r.SwapTime):F1} ({Median(r => r.Pause):F2}), "
                    + $"{Median(r => r.BackgroundTime):F0}; {Median(r => r.Others):F2}"
                : "";
            Console.WriteLine(
                $"  {$"{kind}, {seen}",-18} {Median(r => of(r).Median),7:F2} {Median(r => of(r).P99),7:F2} "
                    + $"{Median(r => of(r).Before),7:F2} {Both(w => w.Build),15} {Both(w => w.Swap),15} {Both(w => w.Background),15} "
                + $"{Median(r => of(r).P99During),10:F2} {Both(w => w.After),15} {Both(w => w.Ratio),15}   {times}");
        }
    }
}
