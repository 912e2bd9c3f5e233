using System.Diagnostics;
using Btx.Engine;

namespace Btx.Bench.Change;

/// <summary>Notes when tokens leave the engine: every stream that decodes gets one in every step.</summary>
internal sealed class Steps : IStepObserver
{
    private readonly List<Gap> gaps = new(1 << 16);
    private long last;

    public void OnStep(in StepReport report)
    {
        var now = Stopwatch.GetTimestamp();
        if (last != 0 && report.GeneratedTokens > 0) gaps.Add(new Gap(now, Stopwatch.GetElapsedTime(last, now).TotalMilliseconds));
        last = now;
    }

    public void OnIdle() => last = 0;

    public void OnRequestEnd(in RequestReport report)
    {
    }

    /// <summary>What was noted; begins anew. While the engine is idle.</summary>
    public IReadOnlyList<Gap> Take()
    {
        List<Gap> taken = [.. gaps];
        gaps.Clear();
        return taken;
    }
}
