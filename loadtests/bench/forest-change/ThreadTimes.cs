namespace Btx.Bench.Change;

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
