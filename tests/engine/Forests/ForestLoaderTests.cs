using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Devices;
using Btx.Model.Forests;
using Btx.Model.Serving;

namespace Btx.Engine.Tests.Forests;

/// <summary>A damaged or changed forest does not start; the message says what and where.</summary>
public sealed class ForestLoaderTests(ServedForest forest)
{
    private string Refusal(Action<string, string> damage, Func<EngineOptions, EngineOptions>? change = null)
    {
        var (source, served) = forest.Copy();
        damage(source, served);
        var options = forest.Options with { Directory = served };
        var e = Assert.Throws<BtxException>(() => ForestEngine.Start(change?.Invoke(options) ?? options));
        Assert.DoesNotContain('\n', e.Message);
        return e.Message;
    }

    [Fact]
    public void A_forest_that_changed_since_its_export()
    {
        var message = Refusal((source, _) =>
        {
            var manifest = ForestManifest.Load(source);
            (manifest with { Experts = [.. manifest.Experts.Select(e => e with { Steps = 11 })] }).Save(source);
        });
        Assert.Contains("has changed since it was exported", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_are_not_the_exported_ones()
    {
        var message = Refusal((source, _) =>
        {
            using var file = File.OpenWrite(Path.Combine(source, "experts/beta/model.safetensors"));
            file.Seek(-3, SeekOrigin.End);
            file.WriteByte(1);
        });
        Assert.Contains("\"beta\"", message, StringComparison.Ordinal);
        Assert.Contains("SHA-256", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_that_was_tampered_with()
    {
        var message = Refusal((_, served) =>
            File.AppendAllText(Path.Combine(served, ServedForestManifest.Load(served).Graphs[0].File), "x"));
        Assert.Contains("the graph is not the one that was exported", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_cut_short() => Assert.Contains(
        "model.safetensors",
        Refusal(
            (source, _) =>
            {
                using var file = File.OpenWrite(Path.Combine(source, "experts/beta/model.safetensors"));
                file.SetLength(file.Length - 100);
            },
            o => o with { VerifyHashes = false }),
        StringComparison.Ordinal);

    [Fact]
    public void Another_tokenizer()
    {
        var message = Refusal((source, _) =>
        {
            var path = Path.Combine(source, "experts/gamma/tokenizer.json");
            File.WriteAllText(path, File.ReadAllText(path).Replace("\"h e\"", "\"e h\"", StringComparison.Ordinal).Replace("\"he\"",
                "\"eh\"", StringComparison.Ordinal));
        });
        Assert.Contains("another tokenizer", message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_served_forest() => Assert.Contains("served.json", Assert.Throws<BtxException>(() =>
    ForestEngine.Start(forest.Options with { Directory = forest.Source })).Message, StringComparison.Ordinal);

    [Fact]
    public void A_context_longer_than_the_models()
    {
        Assert.Contains("at most 128", Assert.Throws<BtxException>(() =>
            ForestEngine.Start(forest.Options with { ContextLength = 129 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cuda_for_a_forest_of_fp32()
    {
        // With or without a GPU there is a reason: a library is missing, or the precision does not fit.
        Assert.Contains("--device cuda", Assert.Throws<BtxException>(() =>
            ForestEngine.Start(forest.Options with { Device = DeviceSpec.Parse("cuda") })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_quarantined_expert_gets_no_traffic()
    {
        var (source, served) = forest.Copy();
        var manifest = ForestManifest.Load(source);
        manifest = manifest with
        { Experts = [.. manifest.Experts.Select(e => e.Name == "beta" ? e with { Status = ExpertStatus.Quarantined } : e)] };
        manifest.Save(source);
        (ServedForestManifest.Load(served) with { SourceSha256 = manifest.Hash() }).Save(served);
        await using var engine = ForestEngine.Start(forest.Options with { Directory = served });
        Assert.Equal(["alpha", "gamma"], engine.Describe().Experts);
        var events = await engine.Run(EngineCalls.Request(new Btx.Model.Mixing.Routing { PriorDomain = "beta" }));
        Assert.Equal(0.2 / 0.5, (await engine.ScoreAsync(new([1, 2], new() { PriorDomain = "beta" }),
            TestContext.Current.CancellationToken)).Posterior[0][0], 1e-12);
        Assert.Equal(2, events[0].Posterior!.Length);
    }
}
