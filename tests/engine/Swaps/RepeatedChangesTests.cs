using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Swaps;

/// <summary>Real sessions that come and go under load: what is counted is what the system counts. `./btx bench cycles` does it 500
/// times and looks at memory.</summary>
public sealed class RepeatedChangesTests(ServedForest forest)
{
    private const int Cycles = 25;

    [Fact]
    public async Task Additions_and_removals_under_load_leave_no_mapping_no_file_and_no_snapshot()
    {
        var (source, served) = forest.Copy();
        var root = Path.GetDirectoryName(source)!;
        var guest = new ExpertSource { Name = "guest", Domain = "guest", Directory = Path.Combine(root, "guest") };
        Directory.CreateDirectory(guest.Directory);
        foreach (var file in Directory.GetFiles(Path.Combine(source, "experts/gamma")))
            File.Copy(file, Path.Combine(guest.Directory, Path.GetFileName(file)));
        await using var engine = ForestEngine.Start(forest.Options with { Directory = served, PrepareAverages = true });
        async Task Settle()
        {
            while (engine.BuildsUnderWay > 0) await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        await engine.Run(Request(new Routing())); // the loop has begun the averages
        await Settle();
        var (mapped, open) = (HeldFiles.Mapped(root), HeldFiles.Open(root));
        Assert.NotEmpty(mapped);
        using var stop = new CancellationTokenSource();
        Routing[] routings = [new(), TopK(2), new() { Mode = RoutingMode.Average }];
        var load = routings.Select(routing => Task.Run(async () =>
        {
            var requests = 0;
            for (; !stop.IsCancellationRequested; requests++)
                Assert.Equal(FinishReason.Length, (await engine.Run(Request(routing, 20)))[^1].Finish);
            return requests;
        })).ToList();
        for (var cycle = 0; cycle < Cycles; cycle++)
        {
            await engine.SwapAsync(await engine.PrepareAsync(new ForestChange { Add = [guest] }, TestContext.Current.CancellationToken),
                InFlightPolicy.Renormalise);
            Assert.NotEmpty(HeldFiles.Open(guest.Directory)); // held, to see what becomes of it; mapped is its copy
            if (cycle % 2 == 0) await Settle(); // every other time the prepacked sessions come too late
            await engine.SwapAsync(await engine.PrepareAsync(new ForestChange { Remove = ["guest"] },
                TestContext.Current.CancellationToken), InFlightPolicy.Renormalise);
            Assert.Empty(HeldFiles.Open(guest.Directory));
        }

        await stop.CancelAsync();
        Assert.All(await Task.WhenAll(load), requests => Assert.True(requests > 0));
        await Settle();
        await engine.Run(Request(new Routing())); // the loop has seen what came last, and lets go of it
        while (BuildQueue.Releases.Count > 0) await Task.Delay(1, TestContext.Current.CancellationToken);
        Assert.Equal(mapped, HeldFiles.Mapped(root));
        Assert.Equal(open, HeldFiles.Open(root));
        Assert.Equal(1, engine.LiveSnapshots);
        await engine.AssertSound();
    }
}
