using System.Diagnostics;
using System.Text.Json.Serialization;

namespace Btx.Bench.Change;

/// <summary>Where the time between two tokens went: of each thread that runs steps, and beside them. Milliseconds.</summary>
/// <param name="Threads">The loop's first, then its workers'.</param>
/// <param name="Beside">Processor time of the process's other threads: builds, readers, the runtime.</param>
/// <param name="Stolen">By other machines of the same host, of all cores; counted in tens of
/// milliseconds, as time on a processor too.</param>
/// <param name="Collecting">Pauses of the garbage collector.</param>
/// <param name="Compiling">Methods compiled, any thread.</param>
internal sealed record StepSplit(Gap Gap, ThreadTimes[] Threads, double Beside, double Stolen, double Collecting, double Compiling)
{
    [JsonIgnore]
    public long At => Gap.At;

    public override string ToString() =>
        $"{Gap.Milliseconds,6:F1} ms: " + string.Join("; ", Threads.Select((t,
        i) => $"{(i == 0 ? "loop" : $"worker {i}")} {t.Processor:F1} on, {t.Queue:F1} queued, "
            + $"{Math.Max(0, Gap.Milliseconds - t.Processor - t.Queue):F1} asleep, {t.Minor}+{t.Major} faults"))
        + $"; beside {Beside:F1}, stolen {Stolen:F0}, collecting {Collecting:F1}, compiling {Compiling:F1}; ended at "
            + $"{Gap.At / (double)Stopwatch.Frequency:F4} s";
}

/// <summary>Time between two tokens of a stream.</summary>
/// <param name="At">When the second came: a timestamp.</param>
internal readonly record struct Gap(long At, double Milliseconds);

/// <summary>What a thread has had since it began; of a difference, in between.</summary>
/// <param name="Processor">Milliseconds on a processor.</param>
/// <param name="Queue">Milliseconds ready to run, without one.</param>
/// <param name="Minor">Page faults without input.</param>
/// <param name="Major">Page faults that read a file.</param>
internal readonly record struct ThreadTimes(double Processor, double Queue, long Minor, long Major)
{
    public static ThreadTimes operator -(ThreadTimes a, ThreadTimes b) =>
        new(a.Processor - b.Processor, a.Queue - b.Queue, a.Minor - b.Minor, a.Major - b.Major);
}

/// <summary>Processor time of the machine and of this process, in seconds.</summary>
/// <param name="Stolen">By other machines of the same host; a part of <paramref name="Machine"/>.</param>
internal readonly record struct ProcessorTime(long At, double Machine, double Own, double Stolen)
{
    private const double TicksPerSecond = 100; // USER_HZ of Linux

    public static ProcessorTime Now()
    {
        // cpu user nice system idle iowait irq softirq steal
        var fields = File.ReadLines("/proc/stat").First().Split(' ',
            StringSplitOptions.RemoveEmptyEntries)[1..9].Select(double.Parse).ToArray();
        return new ProcessorTime(Stopwatch.GetTimestamp(), (fields.Sum() - fields[3] - fields[4]) / TicksPerSecond,
            Environment.CpuUsage.TotalTime.TotalSeconds, fields[7] / TicksPerSecond);
    }

    /// <summary>What others took, in cores.</summary>
    public double OthersSince(ProcessorTime then) =>
        Math.Max(0, Machine - then.Machine - (Own - then.Own)) / Stopwatch.GetElapsedTime(then.At, At).TotalSeconds;
}

/// <summary>Gaps between tokens before, during and after a change, in ms: median and 99th percentile
/// before it, and the worst of each window.</summary>
/// <param name="P99During">From the beginning of the build to the end of the background work.</param>
internal sealed record Windows(double Median, double P99, double Before, double Build, double Swap, double Background, double After,
    double P99During)
{
    public double Worst => Math.Max(Build, Math.Max(Swap, Background));

    /// <summary>Worst during the change / median before it.</summary>
    public double Ratio => Worst / Median;

    /// <param name="marks">Ends of the windows: timestamps.</param>
    public static Windows Of(IReadOnlyCollection<Gap> gaps, long[] marks)
    {
        List<double>[] windows = [.. Enumerable.Range(0, marks.Length - 1)
            .Select(w => gaps.Where(g => g.At > marks[w] && g.At <= marks[w + 1]).Select(g => g.Milliseconds).ToList())];
        return new Windows(
            Quantile(windows[0], 0.5), Quantile(windows[0], 0.99), Quantile(windows[0], 1), Quantile(windows[1], 1),
                Quantile(windows[2], 1), Quantile(windows[3], 1), Quantile(windows[4], 1),
            Quantile([.. windows[1], .. windows[2], .. windows[3]], 0.99));
    }

    /// <summary>0 of nothing.</summary>
    public static double Quantile(IReadOnlyCollection<double> values, double q) => values.Count == 0 ? 0
        : values.Order().ElementAt((int)Math.Min(values.Count - 1, Math.Floor(q * values.Count)));
}
