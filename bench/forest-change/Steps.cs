using System.Diagnostics;
using System.Runtime;
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
