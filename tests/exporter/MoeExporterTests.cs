using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Moe;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Exporter.Tests;

public sealed class MoeExporterTests
{
    private static readonly LlamaConfig Four = TinyMoe.DefaultConfig;

    public static TheoryData<string, LlamaConfig, GraphPrecision, MoeForm, int[]> Models => new()
    {
        { "four experts", Four, GraphPrecision.Fp32, MoeForm.Gathered, [] },
        { "a soft first layer", Four, GraphPrecision.Fp32, MoeForm.Gathered, [0] },
        { "every layer soft", Four, GraphPrecision.Fp32, MoeForm.Gathered, [0, 1] },
        { "one expert", Four with { Moe = new MoeConfig(1, 1) }, GraphPrecision.Fp32, MoeForm.Gathered, [] },
        { "nineteen experts, tied", Four with { Moe = new MoeConfig(19, 3), TieWordEmbeddings = true }, GraphPrecision.Fp32,
            MoeForm.Gathered, [] },
        { "short context", Four with { MaxPositionEmbeddings = 6 }, GraphPrecision.Fp32, MoeForm.Gathered, [] },
        { "fp16", Four, GraphPrecision.Fp16, MoeForm.Gathered, [1] },
        { "int8, widths that are no multiple of a block", Four, GraphPrecision.Int8, MoeForm.Gathered, [0] },
        { "int4, widths that are no multiple of a block", Four, GraphPrecision.Int4, MoeForm.Gathered, [] },
        { "int4, whole blocks", Four with { HiddenSize = 128, HeadDimOverride = 32, IntermediateSize = 256 }, GraphPrecision.Int4,
            MoeForm.Gathered, [] },
        { "fused", Four, GraphPrecision.Fp32, MoeForm.Fused, [] },
        { "fused, a soft layer", Four with { NumHiddenLayers = 3 }, GraphPrecision.Fp32, MoeForm.Fused, [1] },
    };

    [Theory]
    [MemberData(nameof(Models), DisableDiscoveryEnumeration = true)]
    public void Logits_and_gates_of_every_form_equal_the_plain_reference(string name, LlamaConfig config, GraphPrecision precision,
    MoeForm form, int[] soft)
    {
        using var served = new ExportedMoe(
            new TinyMoe { Config = config, SoftLayers = soft },
            o => o with { Precision = precision, Form = form, ExpertsPerToken = form == MoeForm.Fused ? [4, 1] : null });
        var manifest = ServedMoeManifest.Load(served.Served);
        Assert.True(manifest.MaxRelativeDifference <= precision.Tolerance(), name);
        Assert.True(manifest.MaxRelativeDifference > 0, $"{name}: two computations in different orders do not agree to the last bit");
        Assert.Equal(soft, manifest.Router.SoftLayers);
        Assert.Equal(precision == GraphPrecision.Fp32, manifest.QuantisationLoss == 0);
        int?[] counts = form == MoeForm.Fused ? [1, 4] : [null];
        Assert.Equal(counts.SelectMany(k => GraphForm.Served.Select(f => (f.Name, f.Rows, k))),
            manifest.Graphs.Select(g => (g.Form, g.Rows, g.ExpertsPerToken)));
    }

    [Fact]
    public void Fewer_bits_lose_more_and_eight_lose_next_to_nothing()
    {
        double Loss(GraphPrecision precision)
        {
            using var served = new ExportedMoe(options: o => o with { Precision = precision });
            return served.Report.Manifest.QuantisationLoss;
        }

        var (four, eight) = (Loss(GraphPrecision.Int4), Loss(GraphPrecision.Int8));
        Assert.InRange(eight, 0, 1e-3);
        Assert.InRange(four, 5 * eight, 0.1);
    }

    [Fact]
    public void Weights_in_the_served_precision_stay_where_they_are()
    {
        using var served = new ExportedMoe(new TinyMoe { Shards = 3 });
        var manifest = ServedMoeManifest.Load(served.Served);
        Assert.Equal(CheckpointFiles.Weights(served.Model), manifest.Weights.Select(w => manifest.WeightsFile(served.Served, w)));
        Assert.All(manifest.Weights, w => Assert.True(w.InSource));
        Assert.Empty(Directory.EnumerateFiles(served.Served, "*.safetensors", SearchOption.AllDirectories));
        Assert.Equal(CheckpointFiles.Hash(served.Model), manifest.SourceSha256);
        Assert.Equal(["name-0", "name-1", "name-2", "name-3"], manifest.Experts.Select(e => e.Name));
        Assert.Equal("domain-3", manifest.Experts[3].Domain);
    }

    [Fact]
    public void A_mixtral_directory_of_another_program_needs_no_manifest()
    {
        using var served = new ExportedMoe(new TinyMoe { SoftLayers = null, Dtype = TensorDtype.BF16 });
        var manifest = ServedMoeManifest.Load(served.Served);
        Assert.Equal(["expert-0", "expert-1", "expert-2", "expert-3"], manifest.Experts.Select(e => e.Name));
        Assert.Equal(2, manifest.Router.ExpertsPerToken);
        Assert.False(Assert.Single(manifest.Weights).InSource);
    }

    [Fact]
    public void Copied_weights_come_with_all_that_a_server_needs()
    {
        using var served = new ExportedMoe(options: o => o with { CopyWeights = true });
        var manifest = ServedMoeManifest.Load(served.Served);
        using var file = SafetensorsFile.Open(manifest.WeightsFile(served.Served, Assert.Single(manifest.Weights)));
        using var source = Checkpoint.Open(served.Model);
        foreach (var (name, _) in source.Config.TensorShapes())
        {
            float[] a = new float[source.Info(name).ElementCount], b = new float[a.Length];
            source.CopyTo(name, a);
            file.CopyTo(file[name], b);
            Assert.Equal(a, b);
        }

        Assert.Equal(source.Config.Fingerprint(), LlamaConfig.Load(served.Served).Fingerprint());
        Assert.Equal(manifest.Tokenizer, TextTokenizer.Load(served.Served).Hash);
    }

    [Fact]
    public void Lineage_and_router_statistics_come_along_where_there_are_any()
    {
        using var exported = new ExportedMoe();
        Assert.Null(exported.Report.Manifest.RouterStatisticsSha256);
        Assert.Equal(File.ReadAllBytes(Path.Combine(exported.Model, BtxManifest.FileName)),
            File.ReadAllBytes(Path.Combine(exported.Served, BtxManifest.FileName)));
        string own = Path.Combine(exported.Model, RouterStatistics.FileName), carried = Path.Combine(exported.Served,
            RouterStatistics.FileName);
        Assert.False(File.Exists(carried));
        new RouterStatistics(HiddenStateForm.Own, 1, [new("name-0", "", "", [new(1, [1], [1], [1])])]).Save(own);
        var lineage = BtxManifest.Load(exported.Model);
        (lineage with
        {
            Experts = [.. lineage.Experts.Take(3), lineage.Experts[3] with {
            Source = Path.Combine(Path.GetDirectoryName(exported.Model)!, "seeds/seed") }]
        }).Save(exported.Model);
        MoeExporter.Export(new MoeExportOptions { Model = exported.Model, Out = exported.Served, Threads = 1 });
        var manifest = ServedMoeManifest.Load(exported.Served);
        Assert.Equal(File.ReadAllBytes(own), File.ReadAllBytes(carried));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(carried))),
            manifest.RouterStatisticsSha256);
        Assert.Equal([null, null, null, "../seeds/seed"], manifest.Experts.Select(e => e.Source));
    }

    [Fact]
    public void The_same_model_gives_the_same_files()
    {
        using var first = new ExportedMoe(options: o => o with { Precision = GraphPrecision.Int4 });
        using var second = new ExportedMoe(options: o => o with { Precision = GraphPrecision.Int4 });
        Assert.Equal(first.Report.Manifest.Graphs, second.Report.Manifest.Graphs);
        Assert.Equal(first.Report.Manifest.Weights, second.Report.Manifest.Weights);
    }
}
