using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Btx.Bench.Change;

/// <summary>What this process holds.</summary>
/// <param name="Resident">Bytes, with shared pages.</param>
/// <param name="Private">Bytes that are not backed by a file: heaps, KV caches, prepacked weights.</param>
/// <param name="Heap">Bytes of live objects, after a full collection.</param>
/// <param name="ForestMappings">Of files below a directory.</param>
internal sealed partial record ProcessFigures(int Cycle, long Resident, long Private, long Heap, int Mappings, int ForestMappings,
    int Files, int ForestFiles, int Threads, int Snapshots)
{
    public static ProcessFigures Now(int cycle, string directory, IReadOnlyCollection<WeakReference> snapshots)
    {
        for (var i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        _ = Trim(0); // what the allocator keeps for later is not held by the forest
        var maps = File.ReadAllLines("/proc/self/maps");
        var kilobytes = File.ReadLines("/proc/self/status").Select(l => l.Split([':', ' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            .Where(f => f.Length > 1).ToDictionary(f => f[0], f => f[1]);
        var files = new DirectoryInfo("/proc/self/fd").GetFileSystemInfos();
        using var process = Process.GetCurrentProcess();
        return new ProcessFigures(
            cycle, long.Parse(kilobytes["VmRSS"]) << 10, long.Parse(kilobytes["RssAnon"]) << 10,
                GC.GetTotalMemory(forceFullCollection: true), maps.Length,
            maps.Count(l => l.Contains(directory, StringComparison.Ordinal)), files.Length,
                files.Count(f => f.LinkTarget?.StartsWith(directory, StringComparison.Ordinal) == true), process.Threads.Count,
                snapshots.Count(s => s.IsAlive));
    }

    public override string ToString() =>
        $"  {Cycle,5} {Resident / 1048576.0,9:F1} {Private / 1048576.0,9:F1} {Heap / 1048576.0,7:F2} {Mappings,9} {ForestMappings,7} "
        + $"{Files,6} {ForestFiles,7} {Threads,8} {Snapshots,10}";

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nint keep);
}
