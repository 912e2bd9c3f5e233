using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Configuration;

namespace Btx.Bench.Engine;

/// <summary>
/// A forest of four random experts of a given size, exported for the engine and for GenAI's generator, and a BTX model of four experts
/// of that size; deleted on disposal. Speed does not ask what weights say.
/// </summary>
internal sealed class BenchForest : IDisposable
{
    private readonly DirectoryInfo root = Directory.CreateTempSubdirectory("btx-bench-");

    private readonly TinyServedMoe moe;

    public BenchForest(string size)
    {
        Config = size switch
        {
            "tiny" => TinyForest.DefaultConfig with
            {
                VocabSize = 2048,
                HiddenSize = 128,
                IntermediateSize = 352,
                NumHiddenLayers = 4,
                MaxPositionEmbeddings = 512
            },
            "30m" => TinyForest.DefaultConfig with
            {
                VocabSize = 4096,
                HiddenSize = 512,
                IntermediateSize = 1376,
                NumHiddenLayers = 8,
                NumAttentionHeads = 8,
                NumKeyValueHeads = 4,
                MaxPositionEmbeddings = 512,
            },
            _ => throw new BtxException($"--size {size}: unknown size; use tiny or 30m"),
        };
        var source = Path.Combine(root.FullName, "forest");
        Served = Path.Combine(root.FullName, "served");
        new TinyForest { Config = Config, Experts = 4 }.Write(source);
        ForestExporter.Export(new ExportOptions { Forest = source, Out = Served, GenAI = true });
        moe = new TinyServedMoe(tiny: new TinyForest { Config = Config });
        GenAI = Model.Serving.ServedForestManifest.Load(Served) is { } manifest
            ? manifest.WeightsDirectory(Served, manifest.Experts[0]) : "";
    }

    public LlamaConfig Config { get; }

    public string Served { get; }

    /// <summary>The served BTX model.</summary>
    public string Moe => moe.Served;

    /// <summary>Directory of the first expert for GenAI.</summary>
    public string GenAI { get; }

    public void Dispose()
    {
        moe.Dispose();
        root.Delete(recursive: true);
    }
}
