using System.Diagnostics;
using System.Text.Json;
using Btx.Engine;
using Btx.Engine.Forests;

namespace Btx.Bench.Change;

/// <summary>Adds and removes an expert again and again under load and looks at what the process holds.</summary>
internal static class Cycles
{
    private const double MostGrowth = 0.02;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <returns>Whether nothing grew.</returns>
    public static async Task<bool> Measure(BenchForest forest, BenchOptions o)
    {
        await using var engine = ForestEngine.Start(new EngineOptions
        {
            Directory = forest.Served,
            Threads = o.Threads,
            Slots = Math.Max(8, o.Streams),
            PrepareAverages = true,
            VerifyHashes = false
        });
        var load = await Load.Start(engine, o with { Requests = true });
        var snapshots = new List<WeakReference>();
        var figures = new List<ProcessFigures>();
        var every = Math.Max(1, o.Cycles / 10);
        var clock = Stopwatch.StartNew();
        Console.WriteLine(o.Title(forest));
        Console
            .WriteLine($"  {"cycle",5} {"RSS, MiB",9} {"private",9} {"heap",7} {"mappings",9} {"forest",7} {"files",6} {"forest",7} "
                + $"{"threads",8} {"snapshots",10}");
        for (var cycle = 1; cycle <= o.Cycles; cycle++)
        {
            await Change(engine, new ForestChange { Add = [forest.Guest] }, snapshots);
            if (cycle % 2 == 0) await Settle(engine); // every other time the prepacked sessions come too late
            await Change(engine, new ForestChange { Remove = [forest.Guest.Name] }, snapshots);
            if (cycle % every != 0) continue;
            await Settle(engine);
            figures.Add(ProcessFigures.Now(cycle, forest.Directory, snapshots));
            snapshots.RemoveAll(s => !s.IsAlive);
            Console.WriteLine(figures[^1]);
        }

        await load.DisposeAsync();
        if (o.Json is not null) await File.WriteAllTextAsync(o.Json, JsonSerializer.Serialize(figures, Indented));
        var (first, last) = (figures[figures.Count > 2 ? 1 : 0], figures[^1]); // the first is warm-up
        var growth = Growth([.. figures.Skip(figures.Count > 2 ? 1 : 0)]);
        var good = growth <= MostGrowth && last.ForestMappings == first.ForestMappings && last.ForestFiles == first.ForestFiles
            && last.Snapshots <= first.Snapshots;
        Console.WriteLine(
            $"  {o.Cycles} additions and removals in {clock.Elapsed.TotalSeconds:F0} s, {load.Tokens} tokens beside them, no request "
                + $"failed; from cycle {first.Cycle} on private memory grew by {100 * growth:F1} % (line fitted; "
            + $"{(growth <= MostGrowth ? "at most" : "MORE than")} {100 * MostGrowth:F0} %), mappings of the forest's files "
                + $"{first.ForestMappings} → {last.ForestMappings}, open ones {first.ForestFiles} → {last.ForestFiles}");
        return good;
    }

    private static async Task Change(ForestEngine engine, ForestChange change, List<WeakReference> snapshots)
    {
        var next = await engine.PrepareAsync(change);
        snapshots.Add(new WeakReference(next));
        await engine.SwapAsync(next, InFlightPolicy.Renormalise);
    }

    private static async Task Settle(ForestEngine engine)
    {
        while (engine.BuildsUnderWay > 0) await Task.Delay(1);
    }

    /// <summary>Of a line through private memory, from its first to its last point, relative to the first.</summary>
    private static double Growth(IReadOnlyList<ProcessFigures> figures)
    {
        double x = figures.Average(f => f.Cycle), y = figures.Average(f => f.Private);
        var slope = figures.Sum(f => (f.Cycle - x) * (f.Private - y)) / Math.Max(1, figures.Sum(f => (f.Cycle - x) * (f.Cycle - x)));
        var start = y + (slope * (figures[0].Cycle - x));
        return slope * (figures[^1].Cycle - figures[0].Cycle) / start;
    }
}
