using System.Globalization;
using System.Runtime.InteropServices;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>What a run was measured on.</summary>
internal static class ThisMachine
{
    public static MachineDescription Describe() => new(
        Value("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
        Environment.ProcessorCount,
        long.TryParse(Value("/proc/meminfo", "MemTotal")?.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var kibibytes)
            ? kibibytes * 1024 : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        RuntimeInformation.OSDescription,
        double.TryParse(Read("/proc/loadavg").FirstOrDefault()?.Split(' ')[0], NumberStyles.Float, CultureInfo.InvariantCulture,
            out var load) ? load : 0);

    private static string? Value(string file, string name) =>
        Read(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2).ElementAtOrDefault(1)?.Trim();

    private static string[] Read(string file) => File.Exists(file) ? File.ReadAllLines(file) : [];
}
