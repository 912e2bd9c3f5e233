using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Serving;

namespace Btx.Bench.Mixture;

/// <summary>The mixture and its dense counterpart, written with random weights and exported; deleted on disposal.</summary>
internal sealed class BenchModels : IDisposable
{
    private readonly DirectoryInfo root = Directory.CreateTempSubdirectory("btx-bench-");

    public BenchModels(BenchOptions o)
    {
        Moe = Export(o, o.Moe, "mixture", o.Device.IsCuda ? [.. Enumerable.Range(1, o.Experts)] : null);
        var wide = o.Dense(2 * o.Intermediate);
        if (o.HasBlocks)
        {
            Dense = Export(o, wide with { Moe = new MoeConfig(1, 1) }, "dense", null);
            return;
        }

        new TinyForest { Config = wide, Experts = 1 }.Write(At("dense"));
        var report = ForestExporter.Export(new ExportOptions
        {
            Forest = At("dense"),
            Out = At("dense-served"),
            Precision = o.Precision,
            Device = o.Device
        });
        var expert = report.Manifest.Experts[0];
        Dense = new ServedModel(wide, At("dense-served"), report.Manifest.Graphs,
            Btx.Model.Tensors.CheckpointFiles.Weights(report.Manifest.WeightsDirectory(At("dense-served"), expert)));
    }

    public ServedModel Moe { get; }

    public ServedModel Dense { get; }

    public void Dispose() => root.Delete(recursive: true);

    private ServedModel Export(BenchOptions o, LlamaConfig config, string name, IReadOnlyList<int>? counts)
    {
        new TinyMoe { Config = config }.Write(At(name));
        var target = At(name + "-served");
        var report = MoeExporter.Export(new MoeExportOptions
        {
            Model = At(name),
            Out = target,
            Precision = o.Precision,
            Device = o.Device,
            ExpertsPerToken = counts
        });
        return new ServedModel(config, target, report.Manifest.Graphs,
            [.. report.Manifest.Weights.Select(w => report.Manifest.WeightsFile(target, w))]);
    }

    private string At(string name) => Path.Combine(root.FullName, name);
}
