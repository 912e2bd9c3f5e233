using System.Buffers.Text;
using System.Diagnostics;
using System.Text;
using Microsoft.Win32.SafeHandles;

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

/// <summary>Reads a thread's times from Linux; some microseconds a reading.</summary>
internal sealed class ThreadProbe : IDisposable
{
    // fields of stat: the first behind name and state; see proc_pid_stat(5)
    private const int First = 4, MinorFaults = 10, MajorFaults = 12;

    private readonly SafeFileHandle schedule, status;
    private readonly byte[] buffer = new byte[1024];

    private ThreadProbe(string task) => (schedule, status) = (File.OpenHandle($"{task}/schedstat"), File.OpenHandle($"{task}/stat"));

    /// <summary>Threads of this process whose name begins with something; by name.</summary>
    public static IReadOnlyList<ThreadProbe> Of(params string[] names) => [.. Directory.EnumerateDirectories("/proc/self/task")
        .Select(t => (Task: t, Name: File.ReadAllText($"{t}/comm").Trim()))
        .Where(t => names.Any(n => t.Name.StartsWith(n, StringComparison.Ordinal))).OrderBy(t => t.Name, StringComparer.Ordinal)
        .Select(t => new ThreadProbe(t.Task)),];

    public ThreadTimes Read()
    {
        Span<long> times = stackalloc long[2], fields = stackalloc long[MajorFaults - First + 1];
        Parse(Line(schedule), times);
        var line = Line(status);
        Parse(line[(line.LastIndexOf((byte)')') + 4)..], fields); // the state is one letter
        return new ThreadTimes(times[0] / 1e6, times[1] / 1e6, fields[MinorFaults - First], fields[MajorFaults - First]);
    }

    public void Dispose()
    {
        schedule.Dispose();
        status.Dispose();
    }

    private static void Parse(ReadOnlySpan<byte> line, Span<long> fields)
    {
        foreach (ref var field in fields)
        {
            if (!Utf8Parser.TryParse(line, out field, out int used))
                throw new InvalidDataException($"/proc: not the numbers that were expected: {Encoding.UTF8.GetString(line)}");
            line = line[Math.Min(line.Length, used + 1)..];
        }
    }

    private ReadOnlySpan<byte> Line(SafeFileHandle file) => buffer.AsSpan(0, RandomAccess.Read(file, buffer, 0));
}
