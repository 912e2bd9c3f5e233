using System.Diagnostics;
using System.Runtime;
using System.Text.Json.Serialization;

namespace Btx.Bench.Change;

/// <summary>Notes when tokens leave the engine: every stream that decodes gets one in every step.</summary>
/// <param name="split">Notes too what the threads did meanwhile.</param>
internal sealed class Steps(bool split) : IEngineObserver
{
    private readonly List<Gap> gaps = new(1 << 16);
    private readonly List<StepSplit> splits = [];
    private string[] threads = [];
    private ThreadTimes[] before = [];
    private (double Process, double Stolen, double Collecting, double Compiling) around;
    private long last;

    public void OnStep(in StepReport report)
    {
        var now = Stopwatch.GetTimestamp();
        var gap = new Gap(now, Stopwatch.GetElapsedTime(last, now).TotalMilliseconds);
        var counts = last != 0 && report.GeneratedTokens > 0;
        if (counts) gaps.Add(gap);
        if (split) Split(gap, counts);
        last = now;
    }

    public void OnIdle() => last = 0;

    public void OnRequestEnd(in RequestReport report)
    {
    }

    /// <summary>What was noted; begins again. While the engine is idle.</summary>
    public (IReadOnlyList<Gap> Gaps, IReadOnlyList<StepSplit> Splits) Take()
    {
        (IReadOnlyList<Gap>, IReadOnlyList<StepSplit>) taken = ([.. gaps], [.. splits]);
        gaps.Clear();
        splits.Clear();
        return taken;
    }

    private void Split(Gap gap, bool counts)
    {
        if (threads.Length == 0)
            threads = [.. Directory.EnumerateDirectories("/proc/self/task").Select(t => (Task: t, Name: File.ReadAllText($"{t}/comm")))
                .Where(t => t.Name.StartsWith("btx-engine", StringComparison.Ordinal)
                    || t.Name.StartsWith("btx-worker", StringComparison.Ordinal))
                .OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => t.Task)];
        ThreadTimes[] times = [.. threads.Select(ThreadTimes.Of)];
        var then = around;
        var processors = ProcessorTime.Now();
        around = (1000 * processors.Own, 1000 * processors.Stolen, GC.GetTotalPauseDuration().TotalMilliseconds,
            JitInfo.GetCompilationTime().TotalMilliseconds);
        if (counts && before.Length > 0)
        {
            ThreadTimes[] spent = [.. times.Zip(before, (now, then) => now - then)];
            splits.Add(new StepSplit(gap, spent, Math.Max(0, around.Process - then.Process - spent.Sum(t => t.Processor)),
                around.Stolen - then.Stolen, around.Collecting - then.Collecting, around.Compiling - then.Compiling));
        }

        before = times;
    }
}

/// <summary>Time between two tokens of a stream.</summary>
/// <param name="At">When the second came: a timestamp.</param>
internal readonly record struct Gap(long At, double Milliseconds);

/// <summary>Where the time between two tokens went: of each thread that runs steps, and beside them. Milliseconds.</summary>
/// <param name="Threads">The loop's first, then its workers'.</param>
/// <param name="Beside">Processor time of the process's other threads: builds, readers, the runtime.</param>
/// <param name="Stolen">By other machines of the same host, of all cores; in tens of milliseconds, as time on a processor.</param>
/// <param name="Collecting">Pauses of the garbage collector.</param>
/// <param name="Compiling">Methods compiled, any thread.</param>
internal sealed record StepSplit(Gap Gap, ThreadTimes[] Threads, double Beside, double Stolen, double Collecting, double Compiling)
{
    [JsonIgnore]
    public long At => Gap.At;

    public override string ToString() => $"{Gap.Milliseconds,6:F1} ms: "
        + string.Join("; ", Threads.Select((t, i) => $"{(i == 0 ? "loop" : $"worker {i}")} {t.Processor:F1} on, "
        + $"{t.Queue:F1} queued, {Math.Max(0, Gap.Milliseconds - t.Processor - t.Queue):F1} asleep, {t.Minor}+{t.Major} faults"))
        + $"; beside {Beside:F1}, stolen {Stolen:F0}, collecting {Collecting:F1}, compiling {Compiling:F1}; "
        + $"ended at {Gap.At / (double)Stopwatch.Frequency:F4} s";
}

/// <summary>What a thread has had since it began; of a difference, in between.</summary>
/// <param name="Processor">Milliseconds on a processor.</param>
/// <param name="Queue">Milliseconds ready to run, without one.</param>
/// <param name="Minor">Page faults without input.</param>
/// <param name="Major">Page faults that read a file.</param>
internal readonly record struct ThreadTimes(double Processor, double Queue, long Minor, long Major)
{
    /// <param name="task">The thread's directory in /proc.</param>
    public static ThreadTimes Of(string task)
    {
        var schedule = File.ReadAllText($"{task}/schedstat").Split(' ');
        var line = File.ReadAllText($"{task}/stat");
        var status = line[(line.LastIndexOf(')') + 2)..].Split(' '); // from the third field on; see proc_pid_stat(5)
        return new(double.Parse(schedule[0]) / 1e6, double.Parse(schedule[1]) / 1e6, long.Parse(status[10 - 3]),
            long.Parse(status[12 - 3]));
    }

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
        double[] fields = [.. File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..9]
            .Select(double.Parse)];
        return new ProcessorTime(Stopwatch.GetTimestamp(), (fields.Sum() - fields[3] - fields[4]) / TicksPerSecond,
            Environment.CpuUsage.TotalTime.TotalSeconds, fields[7] / TicksPerSecond);
    }

    /// <summary>What others took, in cores.</summary>
    public double OthersSince(ProcessorTime then) =>
        Math.Max(0, Machine - then.Machine - (Own - then.Own)) / Stopwatch.GetElapsedTime(then.At, At).TotalSeconds;
}
