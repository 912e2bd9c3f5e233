using System.Diagnostics;
using System.Runtime.InteropServices;
using Btx.Engine.Forests;
using MathNet.Numerics;

namespace Btx.Bench.Change;

/// <summary>Adds and removes an expert again and again under load and looks at what the process holds.</summary>
internal static class Cycles
{
    private const double MostGrowth = 0.02;

    /// <returns>Whether nothing grew.</returns>
    public static async Task<(bool Good, List<ProcessFigures> Figures)> MeasureAsync(TinyServedForest forest, ExpertSource guest,
        ChangeLoad asked, int cycles)
    {
        await using var engine = ChangeVerbs.Start(forest, asked);
        var load = await Load.StartAsync(engine, asked);
        var snapshots = new List<WeakReference>();
        var figures = new List<ProcessFigures>();
        var clock = Stopwatch.StartNew();
        ChangeVerbs.Announce(asked);
        Console.WriteLine($"  {"cycle",5} {"RSS, MiB",9} {"private",9} {"heap",7} {"mappings",9} {"forest",7} {"files",6} {"forest",7} "
            + $"{"threads",8} {"snapshots",10}");
        for (var cycle = 1; cycle <= cycles; cycle++)
        {
            await ApplyAsync(engine, new ForestChange { Add = [guest] }, snapshots);
            if (cycle % 2 == 0) await Settle(engine); // every other time the prepacked sessions come too late
            await ApplyAsync(engine, new ForestChange { Remove = [guest.Name] }, snapshots);
            if (cycle % Math.Max(1, cycles / 10) != 0) continue;
            await Settle(engine);
            figures.Add(ProcessFigures.Now(cycle, Path.GetDirectoryName(forest.Served)!, snapshots));
            snapshots.RemoveAll(s => !s.IsAlive);
            Console.WriteLine(figures[^1]);
        }

        await load.DisposeAsync();
        if (figures.Count > 2) figures.RemoveAt(0); // warm-up
        var (first, last) = (figures[0], figures[^1]);
        var (start, slope) = Fit.Line([.. figures.Select(f => (double)(f.Cycle - first.Cycle))],
            [.. figures.Select(f => (double)f.Private)]);
        var growth = slope * (last.Cycle - first.Cycle) / start;
        Console.WriteLine(
            $"  {cycles} additions and removals in {clock.Elapsed.TotalSeconds:F0} s, {load.Tokens} tokens beside them, no request failed; "
            + $"from cycle {first.Cycle} on private memory grew by {100 * growth:F1} % (line fitted; "
            + $"{(growth <= MostGrowth ? "at most" : "MORE than")} {100 * MostGrowth:F0} %), mappings of the forest's files "
            + $"{first.ForestMappings} → {last.ForestMappings}, open ones {first.ForestFiles} → {last.ForestFiles}");
        return (growth <= MostGrowth && last.ForestMappings == first.ForestMappings && last.ForestFiles == first.ForestFiles
            && last.Snapshots <= first.Snapshots, figures);
    }

    private static async Task ApplyAsync(ForestEngine engine, ForestChange change, List<WeakReference> snapshots)
    {
        var next = await engine.PrepareAsync(change);
        snapshots.Add(new WeakReference(next));
        await engine.SwapAsync(next, InFlightPolicy.Renormalise);
    }

    private static async Task Settle(ForestEngine engine)
    {
        while (engine.BuildsUnderWay > 0) await Task.Delay(1);
    }
}

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
        return new ProcessFigures(cycle, long.Parse(kilobytes["VmRSS"]) << 10, long.Parse(kilobytes["RssAnon"]) << 10,
            GC.GetTotalMemory(forceFullCollection: true), maps.Length, maps.Count(l => l.Contains(directory, StringComparison.Ordinal)),
            files.Length, files.Count(f => f.LinkTarget?.StartsWith(directory, StringComparison.Ordinal) == true), process.Threads.Count,
            snapshots.Count(s => s.IsAlive));
    }

    public override string ToString() =>
        $"  {Cycle,5} {Resident / 1048576.0,9:F1} {Private / 1048576.0,9:F1} {Heap / 1048576.0,7:F2} {Mappings,9} {ForestMappings,7} "
        + $"{Files,6} {ForestFiles,7} {Threads,8} {Snapshots,10}";

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nint keep);
}
