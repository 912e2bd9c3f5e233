using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Serving;
using Btx.Model.Tensors;

namespace Btx.Exporter.Tests;

/// <summary>What must not be published: one clear line, and nothing half-written.</summary>
public sealed class RefusalTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly ExportOptions options;

    public RefusalTests() => options = new ExportOptions { Forest = directory["forest"], Out = directory["served"], Threads = 1 };

    public void Dispose() => directory.Dispose();

    [Fact]
    public void GenAI_reads_no_blocks() =>
        Refuse("--precision int8: a forest is served so on the CPU, by this server alone; leave --genai out",
            options with { Precision = GraphPrecision.Int8, GenAI = true });

    [Fact]
    public void A_missing_forest_is_named() => Refuse("forest.json: not found");

    [Fact]
    public void An_unknown_expert_is_answered_with_those_there_are()
    {
        new TinyForest().Write(options.Forest);
        Refuse("no expert \"delta\" in the forest; it has alpha, beta, gamma", options with { Experts = ["delta"] });
    }

    [Fact]
    public void Weights_that_changed_since_they_joined_are_refused()
    {
        new TinyForest().Write(options.Forest);
        ChangeLastByte(Path.Combine(options.Forest, "experts", "beta", "model.safetensors"));
        Refuse("forest.json records");
    }

    [Fact]
    public void Weights_that_change_during_the_export_are_refused_by_their_logits()
    {
        new TinyForest { Experts = 1 }.Write(options.Forest);
        // The copy that would be served is changed after it was written and before its logits are checked.
        var corrupt = new Reporter(p =>
        {
            if (!p.Doing.Contains("checking")) return;
            var file = Directory.EnumerateFiles(directory.Root, "model.safetensors", SearchOption.AllDirectories)
                .Single(f => f.Contains(".tmp", StringComparison.Ordinal));
            using var stream = File.OpenWrite(file);
            stream.Seek(-40_000, SeekOrigin.End);
            stream.Write(new byte[20_000]);
        });
        Refuse("differ from the reference by", options with { CopyWeights = true }, corrupt);
    }

    [Fact]
    public void Experts_of_different_architectures_are_refused()
    {
        new TinyForest().Write(options.Forest);
        new TinyForest { Config = TinyForest.DefaultConfig with { IntermediateSize = 96 } }.WriteExpert(Path.Combine(options.Forest,
            "experts", "gamma"), 1);
        Refuse("expert \"gamma\" has another architecture");
    }

    [Fact]
    public void Experts_of_different_tokenizers_are_refused()
    {
        new TinyForest().Write(options.Forest);
        var path = Path.Combine(options.Forest, "experts", "beta", "tokenizer.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"t h\",", "", StringComparison.Ordinal));
        Refuse("expert \"beta\" has another tokenizer");
    }

    [Fact]
    public void A_tokenizer_that_is_larger_than_the_embedding_is_refused_before_it_is_served()
    {
        new TinyForest { Experts = 1, Config = TinyForest.DefaultConfig with { VocabSize = 300 } }.Write(options.Forest);
        Refuse("the tokenizer has 320 tokens, the model a vocab_size of 300; they do not belong together");
    }

    [Fact]
    public void An_expert_that_is_named_as_the_seed_model_is_refused()
    {
        var manifest = new TinyForest { Experts = 2 }.Write(options.Forest);
        (manifest with { Experts = [manifest.Experts[0], manifest.Experts[1] with { Name = "seed" }] }).Save(options.Forest);
        Refuse("an expert is named \"seed\", as every lineage calls the seed model");
    }

    [Fact]
    public void A_head_dim_that_the_attention_operator_cannot_take_is_named()
    {
        new TinyForest { Config = TinyForest.DefaultConfig with { HeadDimOverride = 8 } }.Write(options.Forest);
        Refuse("head_dim is 8");
    }

    [Fact]
    public void A_weight_too_large_for_fp16_is_named()
    {
        var forest = new TinyForest { Experts = 1 };
        forest.Write(options.Forest);
        var path = Path.Combine(options.Forest, "experts", "alpha");
        PutFirst(Path.Combine(path, "model.safetensors"), "model.norm.weight", 1e6f);
        var manifest = Btx.Model.Forests.ForestManifest.Load(options.Forest);
        manifest.With(manifest.Expert("alpha") with { Sha256 = CheckpointFiles.Hash(path) }).Save(options.Forest);
        Refuse("\"model.norm.weight\" holds 1000000, more than fp16 can", options with { Precision = GraphPrecision.Fp16 });
    }

    [Fact]
    public void A_weight_that_is_no_number_is_the_experts_fault_and_not_the_graphs()
    {
        new TinyForest().Write(options.Forest);
        var path = Path.Combine(options.Forest, "experts", "beta");
        PutFirst(Path.Combine(path, "model.safetensors"), "model.norm.weight", float.NaN);
        var manifest = Btx.Model.Forests.ForestManifest.Load(options.Forest);
        manifest.With(manifest.Expert("beta") with { Sha256 = CheckpointFiles.Hash(path) }).Save(options.Forest);
        Refuse("experts/beta/model.safetensors: tensor \"model.norm.weight\" holds NaN; weights must be finite");
    }

    [Fact]
    public void A_directory_that_is_no_served_forest_is_not_replaced()
    {
        new TinyForest().Write(options.Forest);
        Directory.CreateDirectory(options.Out);
        File.WriteAllText(Path.Combine(options.Out, "letters.txt"), "dear");
        Assert.Contains("is not a served forest", Assert.Throws<BtxException>(() => ForestExporter.Export(options)).Message);
        Assert.Equal("dear", File.ReadAllText(Path.Combine(options.Out, "letters.txt")));
    }

    [Fact]
    public void A_target_that_cannot_be_written_is_named()
    {
        new TinyForest().Write(options.Forest);
        File.WriteAllText(directory["file"], "");
        Refuse("cannot create", options with { Out = Path.Combine(directory["file"], "served") });
    }

    [Fact]
    public void A_failed_export_leaves_the_earlier_one_as_it_was()
    {
        new TinyForest().Write(options.Forest);
        ForestExporter.Export(options);
        var before = File.ReadAllText(Path.Combine(options.Out, ServedForestManifest.FileName));
        ChangeLastByte(Path.Combine(options.Forest, "experts", "gamma", "model.safetensors"));
        Assert.Throws<BtxException>(() => ForestExporter.Export(options));
        Assert.Equal(before, File.ReadAllText(Path.Combine(options.Out, ServedForestManifest.FileName)));
        NothingHalfWritten();
    }

    [Fact]
    public void Cancelling_leaves_nothing()
    {
        new TinyForest().Write(options.Forest);
        using var source = new CancellationTokenSource();
        var cancel = new Reporter(p =>
        {
            if (p.Doing.Contains("beta: checking")) source.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => ForestExporter.Export(options, cancel, source.Token));
        Assert.False(Directory.Exists(options.Out));
        NothingHalfWritten();
    }

    [Fact]
    public void An_unknown_precision_is_named() =>
        Assert.Contains("--precision fp8: unknown precision; use fp32, fp16, int8 or int4",
        Assert.Throws<BtxException>(() => GraphPrecisions.Parse("fp8")).Message);

    private void Refuse(string message, ExportOptions? with = null, IProgress<ExportProgress>? progress = null)
    {
        var error = Assert.Throws<BtxException>(() => ForestExporter.Export(with ?? options, progress));
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
        Assert.False(Directory.Exists((with ?? options).Out));
        NothingHalfWritten();
    }

    private void NothingHalfWritten() => Assert.Empty(Directory.EnumerateFileSystemEntries(directory.Root, ".*"));

    private static void ChangeLastByte(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite);
        stream.Seek(-1, SeekOrigin.End);
        var last = stream.ReadByte();
        stream.Seek(-1, SeekOrigin.End);
        stream.WriteByte((byte)(last ^ 1));
    }

    private static void PutFirst(string file, string tensor, float value)
    {
        long offset;
        using (var tensors = SafetensorsFile.Open(file)) offset = tensors[tensor].Offset;
        using var stream = File.OpenWrite(file);
        stream.Seek(offset, SeekOrigin.Begin);
        stream.Write(BitConverter.GetBytes(value));
    }

    private sealed class Reporter(Action<ExportProgress> report) : IProgress<ExportProgress>
    {
        public void Report(ExportProgress value) => report(value);
    }
}
