using System.Diagnostics;
using Btx.Engine.Forests;

namespace Btx.Bench.Change;

/// <summary>Rounds of an addition, an average, a removal and nothing, and what they show.</summary>
internal static class Latency
{
    private const double Most = 2;
    private const int WindowMilliseconds = 600;

    /// <returns>Whether the additions keep the bound.</returns>
    public static async Task<(bool Good, List<Round> Rounds)> MeasureAsync(TinyServedForest forest, ExpertSource guest, ChangeLoad load,
        int repeats, bool split)
    {
        var steps = new Steps(split);
        await using var engine = ChangeVerbs.Start(forest, load, steps);
        while (engine.BuildsUnderWay > 0) await Task.Delay(5);
        var weighted = engine.Describe().Experts.Select((e, j) => (e, j + 1.0)).ToDictionary(t => t.e, t => t.Item2);
        var add = new ForestChange { Add = [guest] };
        var average = new ForestChange
        {
            Averages = new Dictionary<string, IReadOnlyDictionary<string,
            double>>
            { ["weighted"] = weighted }
        };
        var remove = new ForestChange { Remove = [guest.Name], Averages = new Dictionary<string, IReadOnlyDictionary<string, double>>() };
        var rounds = new List<Round>();
        for (var repeat = 0; repeat <= repeats; repeat++)
        {
            Round[] some = [await RunAsync(engine, load, steps, "addition", add), await RunAsync(engine, load, steps, "average", average),
                await RunAsync(engine, load, steps, "removal", remove)];
            if (repeat == 0) ChangeVerbs.Announce(load); // the first is warm-up
            else rounds.AddRange([.. some, await RunAsync(engine, load, steps, "nothing", null, some[0].Duration)]);
        }

        Console.WriteLine($"  ms between two tokens of a stream; of {repeats} rounds the median (and the worst); "
            + "build, swap, background, after: the worst gap of each window");
        Console.WriteLine($"  {"",-18} {"median",7} {"p99",7} {"worst",7} {"build",15} {"swap",15} {"background",15} {"p99 during",10} "
            + $"{"after",15} {"worst / median",15}   ms: build, swap (pause), background; others' cores");
        foreach (var kind in rounds.GroupBy(r => r.Kind)) Print(kind.Key, [.. kind]);
        foreach (var round in rounds.Where(_ => split))
        {
            Console.WriteLine($"  {round.Kind}: a step of the median, then the worst of each window");
            foreach (var (window, worst) in round.Splits) Console.WriteLine($"    {window,-10} {worst}");
        }

        double Ratio(string kind) => Windows.Quantile([.. rounds.Where(r => r.Kind == kind).Select(r => r.Client.Ratio)], 0.5);
        var good = Ratio("addition") <= Most;
        Console.WriteLine(
            $"  worst gap during an addition / median before: {Ratio("addition"):F2} ({(good ? "at most" : "MORE than")} {Most}); "
            + $"as long without a change: {Ratio("nothing"):F2}");
        return (good, rounds);
    }

    /// <param name="change">Null: nothing, for <paramref name="length"/> milliseconds.</param>
    private static async Task<Round> RunAsync(ForestEngine engine, ChangeLoad asked, Steps steps, string kind, ForestChange? change,
        double length = 0)
    {
        var load = await Load.StartAsync(engine, asked);
        var machine = ProcessorTime.Now();
        var marks = new List<long>();
        var pause = 0.0;
        void Mark() => marks.Add(Stopwatch.GetTimestamp());
        try
        {
            Mark();
            await Task.Delay(WindowMilliseconds);
            Mark();
            if (change is null) await Task.Delay(Math.Max(1, (int)length));
            var next = change is null ? null : await engine.PrepareAsync(change);
            Mark();
            if (next is not null) pause = (await engine.SwapAsync(next, InFlightPolicy.Renormalise)).Pause.TotalMilliseconds;
            Mark();
            while (engine.BuildsUnderWay > 0) await Task.Delay(2);
            Mark();
            await Task.Delay(WindowMilliseconds);
            Mark();
        }
        finally
        {
            await load.DisposeAsync();
        }

        var others = ProcessorTime.Now().OthersSince(machine);
        double Time(int w) => Stopwatch.GetElapsedTime(marks[w], marks[w + 1]).TotalMilliseconds;
        var (gaps, splits) = steps.Take();
        return new Round(kind, Windows.Of([.. load.Gaps], marks), Windows.Of(gaps, marks), Time(1), Time(2), Time(3), pause, others,
            [.. Worst(splits, marks)]);
    }

    private static IEnumerable<(string, StepSplit)> Worst(IReadOnlyList<StepSplit> splits, List<long> marks)
    {
        foreach (var (w, name) in new[] { "before", "build", "swap", "background", "after" }.Index())
        {
            List<StepSplit> window = [.. splits.Where(s => s.At > marks[w] && s.At <= marks[w + 1]).OrderBy(s => s.Gap.Milliseconds)];
            if (window.Count == 0) continue;
            if (w == 0) yield return ("median", window[window.Count / 2]);
            yield return (name, window[^1]);
        }
    }

    private static void Print(string kind, IReadOnlyList<Round> rounds)
    {
        double Median(Func<Round, double> what) => Windows.Quantile([.. rounds.Select(what)], 0.5);
        foreach (var (seen, of) in new (string, Func<Round, Windows>)[] { ("client", r => r.Client), ("engine", r => r.Engine) })
        {
            string Both(Func<Windows, double> what) => $"{Median(r => what(of(r))):F2} ({rounds.Max(r => what(of(r))):F2})";
            var times = seen == "engine" ? "" : $"{Median(r => r.BuildTime):F0}, {Median(r => r.SwapTime):F1} ({Median(r => r.Pause):F2}), "
                + $"{Median(r => r.BackgroundTime):F0}; {Median(r => r.Others):F2}";
            Console.WriteLine($"  {$"{kind}, {seen}",-18} {Median(r => of(r).Median),7:F2} {Median(r => of(r).P99),7:F2} "
                + $"{Median(r => of(r).Before),7:F2} {Both(w => w.Build),15} {Both(w => w.Swap),15} {Both(w => w.Background),15} "
                + $"{Median(r => of(r).P99During),10:F2} {Both(w => w.After),15} {Both(w => w.Ratio),15}   {times}");
        }
    }
}

/// <summary>One change under load, timed in milliseconds.</summary>
/// <param name="Kind">addition, average, removal or nothing.</param>
/// <param name="Client">As the readers of the streams see it.</param>
/// <param name="Engine">As tokens leave the engine.</param>
/// <param name="BackgroundTime">Prepacked sessions and averages were made beside the running ones.</param>
/// <param name="Pause">Between two steps, for the swap.</param>
/// <param name="Others">Processor time of other processes during the round, in cores.</param>
/// <param name="Splits">Of the step of median length before the change, and of the worst in each window; none unless asked for.</param>
internal sealed record Round(string Kind, Windows Client, Windows Engine, double BuildTime, double SwapTime, double BackgroundTime,
    double Pause, double Others, IReadOnlyList<(string Window, StepSplit Worst)> Splits)
{
    public double Duration => BuildTime + SwapTime + BackgroundTime;
}

/// <summary>Gaps between tokens around a change, in ms: median and 99th percentile before it, and the worst of each window.</summary>
/// <param name="P99During">From the beginning of the build to the end of the background work.</param>
internal sealed record Windows(double Median, double P99, double Before, double Build, double Swap, double Background, double After,
    double P99During)
{
    /// <summary>Worst during the change / median before it.</summary>
    public double Ratio => Math.Max(Build, Math.Max(Swap, Background)) / Median;

    /// <param name="marks">Ends of the windows: timestamps.</param>
    public static Windows Of(IReadOnlyCollection<Gap> gaps, List<long> marks)
    {
        List<double>[] w = [.. marks.Zip(marks.Skip(1)).Select(m => gaps.Where(g => g.At > m.First && g.At <= m.Second)
            .Select(g => g.Milliseconds).ToList())];
        return new Windows(Quantile(w[0], 0.5), Quantile(w[0], 0.99), Quantile(w[0], 1), Quantile(w[1], 1), Quantile(w[2], 1),
            Quantile(w[3], 1), Quantile(w[4], 1), Quantile([.. w[1], .. w[2], .. w[3]], 0.99));
    }

    /// <summary>0 of nothing.</summary>
    public static double Quantile(IReadOnlyCollection<double> values, double q) =>
        values.Count == 0 ? 0 : values.Order().ElementAt((int)Math.Min(values.Count - 1, Math.Floor(q * values.Count)));
}
