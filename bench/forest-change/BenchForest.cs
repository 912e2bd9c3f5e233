using Btx.Engine.Forests;
using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model.Configuration;

namespace Btx.Bench.Change;

/// <summary>A forest of random experts, exported, and one expert more that is not in it; deleted on disposal.
/// Speed does not ask what weights say.</summary>
internal sealed class BenchForest : IDisposable
{
    private readonly DirectoryInfo root = System.IO.Directory.CreateTempSubdirectory("btx-bench-");

    public BenchForest(string size, int experts)
    {
        // a stream that begins before a change still runs after it
        var config = TinyForest.DefaultConfig with { MaxPositionEmbeddings = 2048 };
        Config = size switch
        {
            "27m" => config with
            {
                VocabSize = 4096,
                HiddenSize = 512,
                IntermediateSize = 1376,
                NumHiddenLayers = 8,
                NumAttentionHeads = 8,
                NumKeyValueHeads = 4
            },
            "demo" => config with
            {
                VocabSize = 2048,
                HiddenSize = 64,
                IntermediateSize = 172,
                NumHiddenLayers = 3,
                NumAttentionHeads = 2,
                NumKeyValueHeads = 2,
                MaxPositionEmbeddings = 128
            },
            _ => config with { MaxPositionEmbeddings = 256 },
        };
        var forest = new TinyForest { Config = Config, Experts = experts };
        forest.Write(At("forest"));
        forest.WriteExpert(At("guest"), 99);
        Served = At("served");
        ForestExporter.Export(new ExportOptions { Forest = At("forest"), Out = Served });
    }

    public LlamaConfig Config { get; }

    /// <summary>The served forest.</summary>
    public string Served { get; }

    public string Directory => root.FullName;

    /// <summary>The expert that comes and goes.</summary>
    public ExpertSource Guest => new() { Name = "guest", Domain = "guest", Directory = At("guest") };

    public void Dispose() => root.Delete(recursive: true);

    private string At(string name) => Path.Combine(root.FullName, name);
}
