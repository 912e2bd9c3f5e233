using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Serving;
using Btx.Model.Tensors;

namespace Btx.Exporter.Tests;

/// <summary>BTX models that must not be published: one clear line, and nothing half-written.</summary>
public sealed class MoeRefusalTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly MoeExportOptions options;

    public MoeRefusalTests() =>
        options = new MoeExportOptions { Model = directory["model"], Out = directory["served"], Threads = 1 };

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_missing_model_is_named() => Refuse("config.json: not found");

    [Fact]
    public void A_dense_model_is_no_mixture()
    {
        new TinyForest().WriteExpert(options.Model, 1);
        Refuse("model_type is llama; --btx takes a mixtral model");
    }

    [Fact]
    public void More_experts_per_token_than_experts_are_refused_in_the_config()
    {
        new TinyMoe { SoftLayers = null }.Write(options.Model);
        var path = Path.Combine(options.Model, LlamaConfig.FileName);
        File.WriteAllText(path,
            File.ReadAllText(path).Replace("\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 5", StringComparison.Ordinal));
        Refuse("num_experts_per_tok is 5; expected 1..4");
    }

    [Theory]
    [InlineData(5)]
    [InlineData(0)]
    public void More_experts_per_token_than_experts_are_refused_on_request(int k)
    {
        new TinyMoe().Write(options.Model);
        Refuse($"--experts-per-token {k}: the model has 4 experts; use 1..4",
            options with { Form = MoeForm.Fused, ExpertsPerToken = [1, k] });
    }

    [Fact]
    public void Counts_are_of_use_to_fused_experts_alone()
    {
        new TinyMoe().Write(options.Model);
        Refuse("--experts-per-token: only for --form moe-op", options with { ExpertsPerToken = [1] });
    }

    [Fact]
    public void Fused_experts_have_no_blocks()
    {
        new TinyMoe().Write(options.Model);
        Refuse("--precision int4: the fused experts", options with { Form = MoeForm.Fused, Precision = GraphPrecision.Int4 });
    }

    [Theory]
    [InlineData("model.layers.1.block_sparse_moe.gate.weight", float.NaN, "NaN")]
    [InlineData("model.layers.0.block_sparse_moe.experts.3.w2.weight", float.PositiveInfinity, "Infinity")]
    public void A_weight_that_is_no_number_is_named(string tensor, float value, string shown)
    {
        var moe = new TinyMoe();
        moe.Write(options.Model);
        Put(tensor, value);
        moe.WriteManifest(options.Model);
        Refuse($"tensor \"{tensor}\" holds {shown}; weights must be finite");
    }

    [Fact]
    public void A_manifest_of_other_weights_is_refused()
    {
        new TinyMoe().Write(options.Model);
        Put("model.norm.weight", 1.5f);
        Refuse("btx.json: describes other weights than those beside it");
    }

    [Fact]
    public void A_directory_that_is_no_served_model_is_not_replaced()
    {
        new TinyMoe().Write(options.Model);
        Directory.CreateDirectory(options.Out);
        File.WriteAllText(Path.Combine(options.Out, "letters.txt"), "dear");
        Assert.Contains("is not a served BTX model (it has no served-btx.json)",
            Assert.Throws<BtxException>(() => MoeExporter.Export(options)).Message);
        Assert.Equal("dear", File.ReadAllText(Path.Combine(options.Out, "letters.txt")));
    }

    [Fact]
    public void A_served_forest_is_not_replaced_by_a_mixture()
    {
        using var served = new TinyServedForest(new TinyForest { Experts = 1 });
        new TinyMoe().Write(options.Model);
        Assert.Contains("is not a served BTX model",
            Assert.Throws<BtxException>(() => MoeExporter.Export(options with { Out = served.Served })).Message);
        Assert.True(File.Exists(Path.Combine(served.Served, ServedForestManifest.FileName)));
    }

    [Fact]
    public void A_failed_export_leaves_the_earlier_one_as_it_was()
    {
        new TinyMoe().Write(options.Model);
        MoeExporter.Export(options);
        var before = File.ReadAllText(Path.Combine(options.Out, ServedMoeManifest.FileName));
        Put("model.norm.weight", 1.5f);
        Assert.Throws<BtxException>(() => MoeExporter.Export(options));
        Assert.Equal(before, File.ReadAllText(Path.Combine(options.Out, ServedMoeManifest.FileName)));
        NothingHalfWritten();
    }

    [Fact]
    public void Weights_that_change_during_the_export_are_refused_by_their_logits()
    {
        new TinyMoe().Write(options.Model);
        var corrupt = new Reporter(p =>
        {
            if (!p.Doing.Contains("checking")) return;
            using var file = File.OpenWrite(Directory.EnumerateFiles(directory.Root, "model.safetensors", SearchOption.AllDirectories)
                .Single(f => f.Contains(".tmp", StringComparison.Ordinal)));
            file.Seek(-60_000, SeekOrigin.End);
            file.Write(new byte[40_000]);
        });
        Refuse("differ from the reference by", options with { CopyWeights = true }, corrupt);
        Refuse("differ from the reference by", options with { Form = MoeForm.Fused }, corrupt);
    }

    [Fact]
    public void Cancelling_leaves_nothing()
    {
        new TinyMoe().Write(options.Model);
        using var source = new CancellationTokenSource();
        var cancel = new Reporter(p =>
        {
            if (p.Doing.Contains("checking")) source.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => MoeExporter.Export(options, cancel, source.Token));
        Assert.False(Directory.Exists(options.Out));
        NothingHalfWritten();
    }

    [Fact]
    public void A_head_dim_that_the_attention_operator_cannot_take_is_named()
    {
        new TinyMoe { Config = TinyMoe.DefaultConfig with { HeadDimOverride = 8 } }.Write(options.Model);
        Refuse("head_dim is 8");
    }

    private void Refuse(string message, MoeExportOptions? with = null, IProgress<ExportProgress>? progress = null)
    {
        var error = Assert.Throws<BtxException>(() => MoeExporter.Export(with ?? options, progress));
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
        Assert.False(Directory.Exists((with ?? options).Out));
        NothingHalfWritten();
    }

    private void NothingHalfWritten() => Assert.Empty(Directory.EnumerateFileSystemEntries(directory.Root, ".*"));

    private void Put(string tensor, float value)
    {
        var path = Path.Combine(options.Model, CheckpointFiles.SingleFile);
        long offset;
        using (var tensors = SafetensorsFile.Open(path)) offset = tensors[tensor].Offset;
        using var stream = File.OpenWrite(path);
        stream.Seek(offset, SeekOrigin.Begin);
        stream.Write(BitConverter.GetBytes(value));
    }

    private sealed class Reporter(Action<ExportProgress> report) : IProgress<ExportProgress>
    {
        public void Report(ExportProgress value) => report(value);
    }
}
