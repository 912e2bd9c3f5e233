using System.Diagnostics;

namespace Btx.Bench.Change;

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
