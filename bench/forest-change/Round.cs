using System.Diagnostics;
using Btx.Engine;
using Btx.Engine.Forests;

namespace Btx.Bench.Change;

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
    private const int WindowMilliseconds = 600;

    public double Duration => BuildTime + SwapTime + BackgroundTime;

    /// <param name="change">Null: nothing, for <paramref name="length"/> milliseconds.</param>
    public static async Task<Round> Run(ForestEngine engine, BenchOptions o, Steps steps, string kind, ForestChange? change,
        double length = 0)
    {
        var load = await Load.Start(engine, o);
        var machine = ProcessorTime.Now();
        var marks = new long[6];
        var pause = 0.0;
        try
        {
            marks[0] = Stopwatch.GetTimestamp();
            await Task.Delay(WindowMilliseconds);
            marks[1] = Stopwatch.GetTimestamp();
            if (change is null)
            {
                await Task.Delay(Math.Max(1, (int)length));
                marks[2] = marks[3] = marks[4] = Stopwatch.GetTimestamp();
            }
            else
            {
                var next = await engine.PrepareAsync(change);
                marks[2] = Stopwatch.GetTimestamp();
                pause = (await engine.SwapAsync(next, InFlightPolicy.Renormalise)).Pause.TotalMilliseconds;
                marks[3] = Stopwatch.GetTimestamp();
                while (engine.BuildsUnderWay > 0) await Task.Delay(2);
                marks[4] = Stopwatch.GetTimestamp();
            }

            await Task.Delay(WindowMilliseconds);
            marks[5] = Stopwatch.GetTimestamp();
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

    private static IEnumerable<(string, StepSplit)> Worst(IReadOnlyList<StepSplit> splits, long[] marks)
    {
        string[] names = ["before", "build", "swap", "background", "after"];
        for (var w = 0; w < names.Length; w++)
        {
            List<StepSplit> window = [.. splits.Where(s => s.At > marks[w] && s.At <= marks[w + 1]).OrderBy(s => s.Gap.Milliseconds)];
            if (window.Count == 0) continue;
            if (w == 0) yield return ("median", window[window.Count / 2]);
            yield return (names[w], window[^1]);
        }
    }
}
