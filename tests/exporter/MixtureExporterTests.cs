using Btx.Exporter.Graphs;
using Btx.Exporter.Mixtures;
using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Mixtures;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Exporter.Tests;

public sealed class MixtureExporterTests : IDisposable
{
    private static readonly LlamaConfig Four = TinyForest.DefaultConfig with { Mixture = new MixtureConfig(4, 2) };

    private readonly TemporaryDirectory directory = new();

    public static TheoryData<string, LlamaConfig, GraphPrecision, MixtureForm, int[]> Models => new()
    {
        { "four experts", Four, GraphPrecision.Fp32, MixtureForm.Gathered, [] },
        { "a soft first layer", Four, GraphPrecision.Fp32, MixtureForm.Gathered, [0] },
        { "every layer soft", Four, GraphPrecision.Fp32, MixtureForm.Gathered, [0, 1] },
        { "one expert", Four with { Mixture = new MixtureConfig(1, 1) }, GraphPrecision.Fp32, MixtureForm.Gathered, [] },
        { "nineteen experts, tied", Four with { Mixture = new MixtureConfig(19, 3), TieWordEmbeddings = true }, GraphPrecision.Fp32, MixtureForm.Gathered, [] },
        { "short context", Four with { MaxPositionEmbeddings = 6 }, GraphPrecision.Fp32, MixtureForm.Gathered, [] },
        { "fp16", Four, GraphPrecision.Fp16, MixtureForm.Gathered, [1] },
        { "int8", Four, GraphPrecision.Int8, MixtureForm.Gathered, [0] },
        { "int4, widths that are no multiple of a block", Four, GraphPrecision.Int4, MixtureForm.Gathered, [] },
        { "fused", Four, GraphPrecision.Fp32, MixtureForm.Fused, [] },
        { "fused, a soft layer", Four, GraphPrecision.Fp32, MixtureForm.Fused, [1] },
    };

    public void Dispose() => directory.Dispose();

    [Theory]
    [MemberData(nameof(Models), DisableDiscoveryEnumeration = true)]
    public void Logits_and_gates_of_every_form_equal_the_plain_reference(string name, LlamaConfig config, GraphPrecision precision, MixtureForm form, int[] soft)
    {
        WriteModel(config, soft);
        int[]? counts = form == MixtureForm.Fused ? [1, 2, 4] : null;
        var report = MixtureExporter.Export(Options() with { Precision = precision, Form = form, ExpertsPerToken = counts });
        Assert.True(report.Manifest.MaxRelativeDifference > 0, name);
        Assert.True(report.Manifest.MaxRelativeDifference <= precision.Tolerance(), name);
        Assert.Equal(report.Manifest.MaxRelativeDifference, ServedMixtureManifest.Load(directory["served"]).MaxRelativeDifference);
        Assert.Equal(soft, report.Manifest.Router.SoftLayers);
    }

    private MixtureExportOptions Options() => new() { Model = directory["model"], Out = directory["served"], Threads = 1 };

    private void WriteModel(LlamaConfig config, int[]? soft = null, TinyForest? forest = null)
    {
        ((forest ?? new TinyForest()) with { Config = config }).WriteExpert(directory["model"], 7);
        if (soft is null) return;
        new BtxManifest
        {
            Architecture = config.Fingerprint(),
            Tokenizer = TextTokenizer.Load(directory["model"]).Hash,
            Sha256 = CheckpointFiles.Hash(directory["model"]),
            Experts = [.. Enumerable.Range(0, config.Mixture!.Experts).Select(i => new BtxExpert { Name = $"domain-{i}", Domain = $"domain-{i}" })],
            Router = new BtxRouter { ExpertsPerToken = config.Mixture.ExpertsPerToken, SoftLayers = soft },
        }.Save(directory["model"]);
    }
}
