using System.Diagnostics;
using System.Runtime;
using System.Text.Json.Serialization;
using Btx.Engine;

namespace Btx.Bench.Change;

/// <summary>Notes when tokens leave the engine: every stream that decodes gets one in every step.</summary>
/// <param name="split">Notes too what the threads did meanwhile.</param>
internal sealed class Steps(bool split) : IStepObserver, IDisposable
{
    private readonly List<Gap> gaps = new(1 << 16);
    private readonly List<StepSplit> splits = [];
    private IReadOnlyList<ThreadProbe> probes = [];
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

    /// <summary>What was noted; begins anew. While the engine is idle.</summary>
    public (IReadOnlyList<Gap> Gaps, IReadOnlyList<StepSplit> Splits) Take()
    {
        (IReadOnlyList<Gap>, IReadOnlyList<StepSplit>) taken = ([.. gaps], [.. splits]);
        gaps.Clear();
        splits.Clear();
        return taken;
    }

    public void Dispose()
    {
        foreach (var probe in probes) probe.Dispose();
    }

    private void Split(Gap gap, bool counts)
    {
        if (probes.Count == 0) probes = ThreadProbe.Of("btx-engine", "btx-worker");
        ThreadTimes[] times = [.. probes.Select(p => p.Read())];
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
/// <param name="Stolen">By other machines of the same host, of all cores; counted in tens of milliseconds, as time on a processor too.</param>
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
