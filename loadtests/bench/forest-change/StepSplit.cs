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
