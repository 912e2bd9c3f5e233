using Btx.Engine;
using Btx.Engine.Tests.Fixtures;
using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model.Forests;

[assembly: AssemblyFixture(typeof(ServedForest))]

namespace Btx.Engine.Tests.Fixtures;

/// <summary>A tiny forest of three experts with cached priors (alpha's is one-hot on alpha), exported once for all tests.</summary>
public sealed class ServedForest : IDisposable
{
    private readonly DirectoryInfo root = Directory.CreateTempSubdirectory("btx-engine-");

    public ServedForest()
    {
        Source = Path.Combine(root.FullName, "forest");
        Served = Path.Combine(root.FullName, "served");
        var forest = new TinyForest().Write(Source);
        forest = forest with
        {
            Experts =
            [
                forest.Experts[0] with { Prior = new Dictionary<string, double> { ["alpha"] = 1, ["beta"] = 0, ["gamma"] = 0 } },
                forest.Experts[1] with { Prior = new Dictionary<string, double> { ["alpha"] = 0.2, ["beta"] = 0.5, ["gamma"] = 0.3 } },
                forest.Experts[2],
            ],
        };
        forest.Save(Source);
        ForestExporter.Export(new ExportOptions { Forest = Source, Out = Served, Threads = 1 });
        // Other tests run on the same cores.
        Options = new EngineOptions
        { Directory = Served, Threads = 2, Slots = 8, MaxBatchTokens = 64, PrefillChunk = 16, Spinning = Spinning.Never };
    }

    public string Source { get; }

    public string Served { get; }

    public EngineOptions Options { get; }

    public void Dispose() => root.Delete(recursive: true);

    /// <summary>A private copy of both directories, to damage.</summary>
    public (string Source, string Served) Copy()
    {
        var target = Path.Combine(root.FullName, Guid.NewGuid().ToString("N"));
        string[] directories = [Source, Served]; // not the root: other tests change their copies in it meanwhile
        foreach (var file in directories.SelectMany(d => new DirectoryInfo(d).EnumerateFiles("*", SearchOption.AllDirectories)))
        {
            var to = Path.Combine(target, Path.GetRelativePath(root.FullName, file.FullName));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            file.CopyTo(to);
        }

        return (Path.Combine(target, "forest"), Path.Combine(target, "served"));
    }
}
