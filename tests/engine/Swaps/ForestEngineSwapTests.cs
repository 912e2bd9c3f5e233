using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Swaps;

/// <summary>Over real graphs: what leaves is unmapped and closed, what comes is served, and answers are those of a forest made so from the
/// start.</summary>
public sealed class ForestEngineSwapTests(ServedForest forest)
{
    private static CancellationToken None => TestContext.Current.CancellationToken;

    // The private copies: files without a name in the served directory.
    private static int Mapped(string directory) =>
        File.ReadLines("/proc/self/maps").Count(l => l.Contains(directory + "/", StringComparison.Ordinal));

    private static bool IsOpen(string path) => new DirectoryInfo("/proc/self/fd").EnumerateFileSystemInfos().Any(f => f.LinkTarget == path);

    [Fact]
    public async Task A_removal_under_load_frees_the_mapping_and_an_addition_brings_the_expert_back()
    {
        var (source, served) = forest.Copy();
        var beta = Path.Combine(source, "experts/beta");
        var weights = Path.Combine(beta, "model.safetensors");
        var trigger = new StepTrigger();
        await using var engine = ForestEngine.Start(forest.Options with { Directory = served, Observer = trigger });
        int[] text = [256, .. Enumerable.Range(60, 30)];
        var whole = await engine.ScoreAsync(new ScoreRequest(text, new Routing()), None);
        Assert.Equal(3, Mapped(served));
        Assert.True(IsOpen(weights));

        Routing[] routings = [new(), TopK(1), TopK(2) with { RerouteInterval = 4 }, new() { Mode = RoutingMode.Average }, Expert("alpha"),
            Expert("beta")];
        await engine.Run(Request(routings[3], 1)); // makes the average
        var next = engine.Prepare(new ForestChange { Remove = ["beta"] });
        var swap = trigger.When(r => r.RunningSequences == routings.Length && r.PrefillTokens == 0,
            () => engine.SwapAsync(next, InFlightPolicy.Renormalise));
        var streams = routings.Select(r => engine.Generate(Request(r, 100, [256, 84, 104, 101]), None)).ToList();
        trigger.Go();
        var report = await swap;
        Assert.Equal(2, Mapped(served));
        Assert.False(IsOpen(weights));
        Assert.True(IsOpen(Path.Combine(source, "experts/alpha/model.safetensors")));
        Assert.True(report.BytesReturned > 2 * (new FileInfo(weights).Length - 10_000)); // the expert and the average
        Assert.Equal((1, 1), (report.Moved, report.Ended));
        for (var i = 0; i < streams.Count; i++)
        {
            var events = await streams[i].Read();
            Assert.Equal(i == 5 ? FinishReason.Removed : FinishReason.Length, events[^1].Finish);
            if (i < 5) Assert.Equal(100, events.Count);
        }

        var rest = await engine.ScoreAsync(new ScoreRequest(text, new Routing()), None);
        Assert.Equal(["alpha", "gamma"], rest.Forest!.Experts);
        Assert.Equal(whole.ExpertLogProbs[0]!, rest.ExpertLogProbs[0]!, (a, b) => Math.Abs(a - b) < 1e-4);

        await engine.SwapAsync(engine.Prepare(new ForestChange
        { Add = [new ExpertSource { Name = "beta", Domain = "beta", Directory = beta }] }), InFlightPolicy.Renormalise);
        Assert.Equal(3, Mapped(served));
        var long1 = engine.Run(Request(Expert("beta"), 100)); // its sessions are replaced meanwhile; what its slot holds stays
        var again = await engine.ScoreAsync(new ScoreRequest(text, new Routing()), None);
        Assert.Equal(["alpha", "gamma", "beta"], again.Forest!.Experts);
        Assert.Equal(whole.LogProbs, again.LogProbs, (a, b) => Math.Abs(a - b) < 1e-4);
        var generated = (await long1).Tokens();
        var scored = await engine.ScoreAsync(new ScoreRequest([.. Request(Expert("beta")).Prompt, .. generated], Expert("beta")), None);
        for (var i = 0; i < generated.Length; i++) Assert.Equal(scored.LogProbs[7 + i], (await long1)[i].LogProb, 1e-3);
        await engine.AssertSound();
    }

    [Fact]
    public async Task What_does_not_fit_is_refused_and_the_forest_goes_on()
    {
        var (source, served) = forest.Copy();
        await using var engine = ForestEngine.Start(forest.Options with { Directory = served });
        var guest = new ExpertSource { Name = "guest", Domain = "guest", Directory = Path.Combine(source, "experts/gamma") };
        void Refused(ExpertSource expert, string expected) => Assert.Contains(expected,
            Assert.Throws<BtxException>(() => engine.Prepare(new ForestChange { Add = [expert] })).Message, StringComparison.Ordinal);
        Refused(guest with { Directory = Path.Combine(source, "experts/none") }, "experts/none");
        var other =
            new TinyForest { Config = TinyForest.DefaultConfig with { IntermediateSize = TinyForest.DefaultConfig.IntermediateSize * 2 } };
        other.Write(Path.Combine(source, "other"));
        Refused(guest with { Directory = Path.Combine(source, "other/experts/alpha") }, "another architecture");
        guest = guest with { Directory = Path.Combine(source, "guest") };
        Directory.CreateDirectory(guest.Directory);
        foreach (var file in Directory.GetFiles(Path.Combine(source, "experts/gamma")))
            File.Copy(file, Path.Combine(guest.Directory, Path.GetFileName(file)));
        using (var file = File.OpenWrite(Path.Combine(guest.Directory, "model.safetensors")))
        {
            file.Seek(-4, SeekOrigin.End);
            file.Write(BitConverter.GetBytes(float.NaN));
        }

        Refused(guest, "weights must be finite");
        Assert.Equal(["alpha", "beta", "gamma"], engine.Describe().Experts);
        Assert.Equal(12, (await engine.Run(Request(Expert("alpha")))).Count);
    }
}
