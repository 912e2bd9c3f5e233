using System.Runtime.InteropServices;
using Btx.Engine.Forests;
using MathNet.Numerics;

namespace Btx.Bench.Change;

/// <summary>Adds and removes an expert again and again under load and looks at what the process holds.</summary>
internal static class Cycles
{
    public static Pair Memory { get; } = new("cycles",
        "what the process holds after many additions and removals under load over what it held after a tenth of them",
        [new("private bytes, of a line fitted", Most: 1.02), new("mappings of the forest's files", 1, 1),
        new("open files of the forest", 1, 1), new("snapshots alive", Most: 1)], Run);

    public static ForestEngine Start(TinyServedForest forest, ChangeLoad load) => ForestEngine.Start(new EngineOptions
    {
        Directory = forest.Served,
        Threads = load.Threads,
        Slots = Math.Max(8, load.Streams),
        PrepareAverages = true,
        VerifyHashes = false,
    });

    private static async IAsyncEnumerable<Sample> Run(PairSettings settings)
    {
        var cycles = settings.Quick ? 50 : 500;
        var tiny = new TinyForest { Config = TinyForest.DefaultConfig with { MaxPositionEmbeddings = 256 }, Experts = 4 };
        using var forest = new TinyServedForest(tiny);
        var (guest, asked) = (Runs.Guest(forest, tiny), new ChangeLoad(tiny, 4, Requests: true, settings.Threads, Records: false));
        await using var engine = Start(forest, asked);
        var load = await Load.StartAsync(engine, asked);
        var snapshots = new List<WeakReference>();
        var figures = new List<ProcessFigures>();
        for (var cycle = 1; cycle <= cycles; cycle++)
        {
            await ApplyAsync(engine, new ForestChange { Add = [guest] }, snapshots);
            if (cycle % 2 == 0) await Settle(engine); // every other time the prepacked sessions come too late
            await ApplyAsync(engine, new ForestChange { Remove = [guest.Name] }, snapshots);
            if (cycle % (cycles / 10) != 0) continue;
            await Settle(engine);
            figures.Add(ProcessFigures.Now(Path.GetDirectoryName(forest.Served)!, snapshots));
            snapshots.RemoveAll(s => !s.IsAlive);
        }

        await load.DisposeAsync();
        figures.RemoveAt(0); // warm-up
        var (start, slope) = Fit.Line([.. figures.Select((f, i) => (double)i)], [.. figures.Select(f => (double)f.Private)]);
        var (first, last) = (figures[0], figures[^1]);
        // A few cycles are all warm-up.
        if (!settings.Quick) yield return new("private bytes, of a line fitted", start + (slope * (figures.Count - 1)), start);
        yield return new("mappings of the forest's files", last.Mappings, first.Mappings);
        yield return new("open files of the forest", last.Files, first.Files);
        yield return new("snapshots alive", last.Snapshots, first.Snapshots);
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
/// <param name="Private">Bytes that are not backed by a file: heaps, KV caches, prepacked weights.</param>
/// <param name="Mappings">Of files below a directory, as <paramref name="Files"/>.</param>
internal sealed partial record ProcessFigures(long Private, int Mappings, int Files, int Snapshots)
{
    public static ProcessFigures Now(string directory, IReadOnlyCollection<WeakReference> snapshots)
    {
        for (var i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        _ = Trim(0); // what the allocator keeps for later is not held by the forest
        var kilobytes = File.ReadLines("/proc/self/status").Select(l => l.Split([':', ' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            .First(f => f[0] == "RssAnon")[1];
        return new ProcessFigures(long.Parse(kilobytes) << 10,
            File.ReadLines("/proc/self/maps").Count(l => l.Contains(directory, StringComparison.Ordinal)),
            new DirectoryInfo("/proc/self/fd").GetFileSystemInfos()
                .Count(f => f.LinkTarget?.StartsWith(directory, StringComparison.Ordinal) == true),
            snapshots.Count(s => s.IsAlive));
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nint keep);
}
