using System.Text;
using System.Text.Json;
using Btx.Engine;
using Btx.Exporter;
using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Serving;
using Btx.Model.Tensors;

namespace Btx.Forest.Tests;

/// <summary>A served BTX model is mixed again for a change of the forest: bit for bit the model that was made of those experts from
/// scratch.</summary>
public sealed class MoeRemixTests : IDisposable
{
    private readonly RemixWorld world = new();

    private static CancellationToken None => TestContext.Current.CancellationToken;

    public void Dispose() => world.Dispose();

    [Fact]
    public async Task Without_an_expert_it_is_the_model_that_never_held_it_and_the_experts_files_are_not_read()
    {
        var present = world.Serve("present", ["alpha", "beta", "gamma", RemixWorld.Seed]);
        var scratch = world.Serve("scratch", ["alpha", "gamma", RemixWorld.Seed]);
        Directory.Delete(world.Expert("beta"), recursive: true);
        Directory.Delete(world.At("present.model"), recursive: true); // the source of the present one is not needed either
        var after = world.State.Without(["beta"]);
        Assert.Null(world.Remix().Obstacle(after, present, null));
        Assert.Empty(world.Remix().Notes(present));
        var progress = new Recorded();
        Assert.Equal(world.At("anew"), await world.Remix().MixAsync(after, present, world.At("anew"), null, progress, None));

        Same(scratch, world.At("anew"));
        Assert.Equal(["beta"], BtxManifest.Load(world.At("anew")).Without);
        foreach (var file in (string[])["served-btx.json", "router/statistics.safetensors"])
            Assert.DoesNotContain("beta", Encoding.Latin1.GetString(File.ReadAllBytes(world.At($"anew/{file}"))), StringComparison.Ordinal);
        Assert.Equal(1, progress.Reports[^1].Fraction);
        Assert.All(progress.Reports, r => Assert.Equal(ChangePhase.Mix, r.Phase));
        Assert.Equal(progress.Reports.Select(r => r.Fraction).Order(), progress.Reports.Select(r => r.Fraction));
    }

    [Fact]
    public async Task An_expert_that_left_comes_back_and_the_model_is_the_first_again()
    {
        string[] experts = ["alpha", "gamma", "beta", RemixWorld.Seed];
        var first = world.Serve("first", experts);
        var without = await world.Remix().MixAsync(world.State.Without(["beta"]), first, world.At("without"), null, null, None);
        var (after, added) = world.Return(world.State.Without(["beta"]), "beta", world.StatisticsDirectory("handed", "gamma", "beta"));
        Assert.Null(world.Remix().Obstacle(after, without, added));
        var again = await world.Remix().MixAsync(after, without, world.At("again"), added, null, None);

        Same(first, again);
        Assert.Empty(BtxManifest.Load(again).Without);
        await using var engine = ForestEngine.Start(world.Options with { Moe = again });
        Assert.Equal(experts, engine.Describe().Moe!.Experts);
    }

    [Fact]
    public async Task Statistics_may_lie_beside_the_weights_and_bear_another_name()
    {
        var present = world.Serve("present", ["alpha", "gamma"]);
        CopyExpert("beta", "delta");
        var statistics = world.Statistics("beta");
        (statistics with { Domains = [statistics.Domains[0] with { Expert = "delta" }] }).Save(Path.Combine(world.At("delta"),
            RouterStatistics.FileName));
        var (state, added) = world.Return(world.State.Without(["beta"]), "beta", null);
        added = added with { Directory = world.At("delta") };
        var anew = await world.Remix().MixAsync(state, present, world.At("anew"), added, null, None);
        Assert.Equal(["alpha", "gamma", "beta"], BtxManifest.Load(anew).Experts.Select(e => e.Name));
        Assert.Null(BtxManifest.Load(anew).ForestSha256);
    }

    [Fact]
    public async Task Experts_that_are_quarantined_leave()
    {
        var present = world.Serve("present", ["alpha", "beta", "gamma"]);
        var anew = await world.Remix().MixAsync(world.State.Quarantine(["gamma"]), present, world.At("anew"), null, null, None);
        Same(world.Serve("scratch", ["alpha", "beta"]), anew);
    }

    [Fact]
    public async Task A_single_expert_is_left_and_k_grows_again_with_the_second()
    {
        var present = world.Serve("present", ["alpha", "gamma"]);
        var one = await world.Remix().MixAsync(world.State.Without(["gamma"]), present, world.At("one"), null, null, None);
        Assert.Equal((1, 1), (ServedMoeManifest.Load(one).Experts.Count, ServedMoeManifest.Load(one).Router.ExpertsPerToken));
        var (after, added) = world.Return(world.State.Without(["gamma"]), "gamma", world.StatisticsDirectory("handed", "gamma"));
        Same(present, await world.Remix().MixAsync(after, one, world.At("two"), added, null, None));
    }

    [Theory]
    [InlineData(GraphPrecision.Fp32, MoeForm.Fused)]
    [InlineData(GraphPrecision.Int4, MoeForm.Gathered)]
    public async Task Precision_and_form_stay(GraphPrecision precision, MoeForm form)
    {
        MoeExportOptions Export(MoeExportOptions o) =>
            o with { Precision = precision, Form = form, ExpertsPerToken = form == MoeForm.Fused ? [1, 3] : null };
        var present = world.Serve("present", ["alpha", "beta", "gamma"], Export);
        var anew = await world.Remix().MixAsync(world.State.Without(["beta"]), present, world.At("anew"), null, null, None);
        Same(world.Serve("scratch", ["alpha", "gamma"],
            o => Export(o) with { ExpertsPerToken = form == MoeForm.Fused ? [1, 2] : null }), anew);
    }

    [Theory]
    [InlineData(RouterKind.SampleTop1, RouterInit.Centroid, 1)]
    [InlineData(RouterKind.Soft, RouterInit.Ridge, 2)]
    public async Task The_router_stays_as_it_was_made(string kind, string init, int k)
    {
        int[] soft = kind == RouterKind.SampleTop1 ? [0] : [];
        BtxRouter Router(int experts) => new()
        {
            Kind = kind,
            Init = init,
            ExpertsPerToken = RouterKind.ExpertsPerToken(kind, 2, experts),
            SoftLayers = soft,
            RidgeLambda = init == RouterInit.Ridge ? 0.3 : null,
        };
        var anew = await world.Remix().MixAsync(world.State.Without(["beta"]),
            world.Serve("present", ["alpha", "beta", "gamma"], router: Router(3)), world.At("anew"), null, null, None);
        Same(world.Serve("scratch", ["alpha", "gamma"], router: Router(2)), anew);
        Assert.Equal(k, ServedMoeManifest.Load(anew).Router.ExpertsPerToken);
    }

    [Fact]
    public async Task Fine_tuning_is_lost_and_that_is_said()
    {
        var tuned = new BtxFineTune
        { Tokens = 4096, Steps = 16, Corpora = new Dictionary<string, string>(), Weights = new Dictionary<string, double>() };
        var present = world.Serve("present", ["alpha", "beta", "gamma"], change: m => m with { FineTune = tuned });
        Assert.Contains("loses its fine-tuning on 4096 tokens", Assert.Single(world.Remix().Notes(present)), StringComparison.Ordinal);
        var progress = new Recorded();
        var anew = await world.Remix().MixAsync(world.State.Without(["beta"]), present, world.At("anew"), null, progress, None);
        Assert.Contains(progress.Reports, r => r.Message.Contains("fine-tuning", StringComparison.Ordinal));
        Same(world.Serve("scratch", ["alpha", "gamma"]), anew);
        Assert.Null(BtxManifest.Load(anew).FineTune);
    }

    [Fact]
    public async Task A_forest_that_is_served_in_half_precision_is_mixed_from_its_own_checkpoints()
    {
        using var half = new RemixWorld(o => o with { Precision = GraphPrecision.Fp16 });
        var present = half.Serve("present", ["alpha", "beta", "gamma"]);
        Assert.NotEqual(half.State.Expert("alpha").Sha256, BtxManifest.Load(present).Experts[0].Sha256);
        Same(half.Serve("scratch", ["alpha", "gamma"]),
            await half.Remix().MixAsync(half.State.Without(["beta"]), present, half.At("anew"), null, null, None));
    }

    [Fact]
    public void What_members_share_and_agree_in_stays_to_the_bit()
    {
        foreach (var name in (string[])["twin", "triplet"]) CopyExpert("alpha", name);
        using Checkpoint a = Checkpoint.Open(world.Expert("alpha")), b = Checkpoint.Open(world.At("twin")),
            c = Checkpoint.Open(world.At("triplet"));
        foreach (var members in (Checkpoint[][])[[a, b], [a, b, c]])
        {
            var weights = new MoeWeights(members);
            foreach (var (name, shape) in a.Config.TensorShapes())
            {
                float[] own = new float[shape.Aggregate(1L, (n, s) => n * s)], average = new float[own.Length];
                a.CopyTo(name, own);
                weights.Average(name, average);
                Assert.Equal(own.Select(BitConverter.SingleToInt32Bits), average.Select(BitConverter.SingleToInt32Bits));
            }
        }
    }

    private void CopyExpert(string from, string to)
    {
        Directory.CreateDirectory(world.At(to));
        foreach (var file in Directory.EnumerateFiles(world.Expert(from)))
            File.Copy(file, Path.Combine(world.At(to), Path.GetFileName(file)));
    }

    // One keeps its checkpoint beside it, the other inside, and names of what was left out differ; all else is equal, byte for byte.
    private static void Same(string expected, string actual)
    {
        static string[] Files(string directory) => [.. Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(directory, f)).Order(StringComparer.Ordinal)];
        static string Json<T>(T manifest) => JsonSerializer.Serialize(manifest, ManifestJson.Options);
        var model = Path.Combine(actual, "model");
        string source = ServedMoeManifest.Load(expected).SourceDirectory(expected), inner = ServedMoeManifest.Load(actual)
            .SourceDirectory(actual);
        Assert.Equal(model, inner);
        var named = new[] { ServedMoeManifest.FileName, BtxManifest.FileName };
        Assert.Equal(Files(expected), Files(actual).Where(f => !f.StartsWith("model/", StringComparison.Ordinal)));
        if (Directory.Exists(source) && source != Path.Combine(expected, "model"))
        {
            Assert.Equal(Files(source), Files(model));
            foreach (var file in Files(source).Except(named))
                Assert.Equal(File.ReadAllBytes(Path.Combine(source, file)), File.ReadAllBytes(Path.Combine(model, file)));
        }

        foreach (var file in Files(expected).Except(named))
            Assert.Equal(File.ReadAllBytes(Path.Combine(expected, file)), File.ReadAllBytes(Path.Combine(actual, file)));
        Assert.Equal(File.ReadAllBytes(Path.Combine(model, BtxManifest.FileName)),
            File.ReadAllBytes(Path.Combine(actual, BtxManifest.FileName)));
        Assert.Equal(Json(BtxManifest.Load(expected) with { Without = [], ForestSha256 = null }),
            Json(BtxManifest.Load(actual) with { Without = [], ForestSha256 = null }));
        ServedMoeManifest Plain(string d) => ServedMoeManifest.Load(d) is var m ? m with
        {
            Source = ".",
            Experts = [.. m.Experts.Select(e => e.Source is null ? e : e with { Source = Path.GetFullPath(Path.Combine(d, e.Source)) })]
        } : m;
        Assert.Equal(Json(Plain(expected)), Json(Plain(actual)));
    }

    private sealed class Recorded : IProgress<ChangeProgress>
    {
        public List<ChangeProgress> Reports { get; } = [];

        public void Report(ChangeProgress value)
        {
            lock (Reports) Reports.Add(value);
        }
    }
}
