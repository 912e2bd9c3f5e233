using System.Security.Cryptography;
using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Serving;
using Btx.Model.Tensors;

namespace Btx.Exporter.Tests;

public sealed class ForestExporterTests
{
    private static readonly LlamaConfig Base = TinyForest.DefaultConfig;

    public static TheoryData<string, LlamaConfig, GraphPrecision> Architectures => new()
    {
        { "untied", Base, GraphPrecision.Fp32 },
        { "tied", Base with { TieWordEmbeddings = true }, GraphPrecision.Fp32 },
        { "one key-value head", Base with { NumKeyValueHeads = 1 }, GraphPrecision.Fp32 },
        { "as many key-value heads as heads", Base with { NumKeyValueHeads = 4 }, GraphPrecision.Fp32 },
        { "head_dim of its own", Base with { HeadDimOverride = 32 }, GraphPrecision.Fp32 },
        { "one layer", Base with { NumHiddenLayers = 1 }, GraphPrecision.Fp32 },
        { "linear scaling", Base with { RopeScaling = new RopeScaling("linear", 4) }, GraphPrecision.Fp32 },
        { "llama3 scaling", Base with { RopeScaling = new RopeScaling("llama3", 8, 1, 4, 32), RopeTheta = 500 }, GraphPrecision.Fp32 },
        { "short context", Base with { MaxPositionEmbeddings = 6 }, GraphPrecision.Fp32 },
        { "context of one", Base with { MaxPositionEmbeddings = 1 }, GraphPrecision.Fp32 },
        { "fp16", Base, GraphPrecision.Fp16 },
        { "fp16 tied", Base with { TieWordEmbeddings = true }, GraphPrecision.Fp16 },
        { "int8, widths that are no multiple of a block", Base, GraphPrecision.Int8 },
        { "int4 tied, blocks", Base with { HiddenSize = 128, IntermediateSize = 256, TieWordEmbeddings = true }, GraphPrecision.Int4 },
    };

    [Theory]
    [MemberData(nameof(Architectures), DisableDiscoveryEnumeration = true)]
    public void Logits_of_every_form_equal_the_plain_reference(string name, LlamaConfig config, GraphPrecision precision)
    {
        using var served = new TinyServedForest(new TinyForest { Config = config, Experts = 1 }, o => o with { Precision = precision });
        Assert.True(served.Report.MaxRelativeDifference <= precision.Tolerance(), name);
        Assert.True(served.Report.MaxRelativeDifference > 0, $"{name}: two computations in different orders do not agree to the last bit");
        var expert = ServedForestManifest.Load(served.Served).Experts[0];
        Assert.Equal(served.Report.MaxRelativeDifference, expert.MaxRelativeDifference);
        Assert.Equal(precision.BlockBits() is not null, expert.QuantisationLoss > 0);
    }

    [Fact]
    public void Weights_in_the_served_precision_stay_where_they_are()
    {
        using var served = new TinyServedForest(new TinyForest { Shards = 3 });
        var manifest = ServedForestManifest.Load(served.Served);
        Assert.Equal(["alpha", "beta", "gamma"], manifest.Experts.Select(e => e.Name));
        Assert.All(manifest.Experts, e => Assert.True(e.InSource));
        Assert.All(manifest.Experts, e => Assert.Equal(e.Sha256, CheckpointFiles.Hash(manifest.WeightsDirectory(served.Served, e))));
        Assert.Empty(Directory.EnumerateFiles(served.Served, "*.safetensors", SearchOption.AllDirectories));
        Assert.Equal(ForestManifest.Load(served.Forest).Hash(), manifest.SourceSha256);
    }

    [Theory]
    [InlineData(TensorDtype.BF16, GraphPrecision.Fp32, TensorDtype.F32)]
    [InlineData(TensorDtype.BF16, GraphPrecision.Fp16, TensorDtype.F16)]
    [InlineData(TensorDtype.F32, GraphPrecision.Fp16, TensorDtype.F16)]
    [InlineData(TensorDtype.F16, GraphPrecision.Fp32, TensorDtype.F32)]
    public void Weights_of_another_precision_are_converted_into_files_of_their_own(TensorDtype stored, GraphPrecision precision,
    TensorDtype written)
    {
        using var served = new TinyServedForest(new TinyForest { Dtype = stored, Experts = 1 }, o => o with { Precision = precision });
        var manifest = ServedForestManifest.Load(served.Served);
        var expert = Assert.Single(manifest.Experts);
        Assert.False(expert.InSource);
        var directory = manifest.WeightsDirectory(served.Served, expert);
        Assert.StartsWith(served.Served, directory);
        Assert.Equal(expert.Sha256, CheckpointFiles.Hash(directory));
        using var checkpoint = Checkpoint.Open(directory);
        Assert.All(checkpoint.Config.TensorShapes(), t => Assert.Equal(written, checkpoint.Info(t.Name).Dtype));
        Assert.Equal(manifest.Tokenizer, Btx.Model.Tokens.TextTokenizer.Load(directory).Hash);
    }

    /// <summary>The server makes them: nothing of the check is left.</summary>
    [Theory]
    [InlineData(TensorDtype.F32)]
    [InlineData(TensorDtype.BF16)]
    public void Blocks_have_no_file(TensorDtype stored)
    {
        using var served = new TinyServedForest(new TinyForest { Dtype = stored, Experts = 1 },
            o => o with { Precision = GraphPrecision.Int8 });
        Assert.True(served.Report.Manifest.Experts[0].InSource);
        Assert.Empty(Directory.GetFiles(served.Served, "*.safetensors", SearchOption.AllDirectories));
    }

    [Fact]
    public void Stored_fp16_is_bound_in_place_for_fp16()
    {
        using var served = new TinyServedForest(new TinyForest { Dtype = TensorDtype.F16, Experts = 1 },
            o => o with { Precision = GraphPrecision.Fp16 });
        Assert.True(served.Report.Manifest.Experts[0].InSource);
    }

    [Fact]
    public void Copied_weights_are_the_same_tensors()
    {
        using var served = new TinyServedForest(new TinyForest { Experts = 1, Shards = 2 }, o => o with { CopyWeights = true });
        using var source = Checkpoint.Open(Path.Combine(served.Forest, "experts", "alpha"));
        using var copy = Checkpoint.Open(Path.Combine(served.Served, "weights", "alpha"));
        foreach (var (name, shape) in source.Config.TensorShapes())
        {
            float[] a = new float[shape.Aggregate(1L, (n, s) => n * s)], b = new float[a.Length];
            source.CopyTo(name, a);
            copy.CopyTo(name, b);
            Assert.Equal(a, b);
        }
    }

    [Fact]
    public void Graphs_are_listed_with_their_hashes_and_the_same_in_every_export()
    {
        using var first = new TinyServedForest(new TinyForest { Experts = 1 });
        using var second = new TinyServedForest(new TinyForest { Experts = 2, Seed = 9 });
        Assert.Equal(first.Report.Manifest.Graphs, second.Report.Manifest.Graphs);
        Assert.Equal(["decode", "ragged", "ragged", "ragged", "ragged", "ragged"], first.Report.Manifest.Graphs.Select(g => g.Form));
        Assert.Equal([0, 1, 2, 4, 8, 16], first.Report.Manifest.Graphs.Select(g => g.Rows));
        Assert.All(first.Report.Manifest.Graphs, g =>
            Assert.Equal(g.Sha256, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(first.Served, g.File))))));
    }

    [Fact]
    public void Chosen_experts_come_in_the_order_asked_for_and_quarantined_ones_only_by_name()
    {
        using var directory = new TemporaryDirectory();
        var manifest = new TinyForest().Write(directory["forest"]);
        manifest.With(manifest.Expert("beta") with { Status = ExpertStatus.Quarantined }).Save(directory["forest"]);
        var options = new ExportOptions { Forest = directory["forest"], Out = directory["served"], Threads = 1 };
        Assert.Equal(["alpha", "gamma"], ForestExporter.Export(options).Manifest.Experts.Select(e => e.Name).Order());
        Assert.Equal(["gamma", "beta"],
            ForestExporter.Export(options with { Experts = ["gamma", "beta"] }).Manifest.Experts.Select(e => e.Name));
    }
}
