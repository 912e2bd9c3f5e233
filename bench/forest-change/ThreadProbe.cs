using System.Buffers.Text;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Btx.Bench.Change;

/// <summary>Reads a thread's times from Linux; some microseconds a reading.</summary>
internal sealed class ThreadProbe : IDisposable
{
    // fields of stat: the first behind name and state; see proc_pid_stat(5)
    private const int First = 4, MinorProblems = 10, MajorProblems = 12;

    private readonly SafeFileHandle schedule, status;
    private readonly byte[] buffer = new byte[1024];

    private ThreadProbe(string task) => (schedule, status) = (File.OpenHandle($"{task}/schedstat"), File.OpenHandle($"{task}/stat"));

    /// <summary>Threads of this process whose name begins with something; by name.</summary>
    public static IReadOnlyList<ThreadProbe> Of(params string[] names) =>
    [
        .. Directory.EnumerateDirectories("/proc/self/task").Select(t => (Task: t, Name: File.ReadAllText($"{t}/comm").Trim()))
            .Where(t => names.Any(n => t.Name.StartsWith(n, StringComparison.Ordinal)))
            .OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => new ThreadProbe(t.Task)),
    ];

    public ThreadTimes Read()
    {
        Span<long> times = stackalloc long[2], fields = stackalloc long[MajorProblems - First + 1];
        var line = Line(schedule);
        Parse(line, times);
        line = Line(status);
        Parse(line[(line.LastIndexOf((byte)')') + 4)..], fields); // the state is one letter
        return new ThreadTimes(times[0] / 1e6, times[1] / 1e6, fields[MinorProblems - First], fields[MajorProblems - First]);
    }

    public void Dispose()
    {
        schedule.Dispose();
        status.Dispose();
    }

    private static void Parse(ReadOnlySpan<byte> line, Span<long> fields)
    {
        for (var i = 0; i < fields.Length; i++)
        {
            if (!Utf8Parser.TryParse(line, out fields[i], out var used))
                throw new InvalidDataException($"/proc: not the numbers that were expected: {Encoding.UTF8.GetString(line)}");
            line = line[Math.Min(line.Length, used + 1)..];
        }
    }

    private ReadOnlySpan<byte> Line(SafeFileHandle file) => buffer.AsSpan(0, RandomAccess.Read(file, buffer, 0));
}
