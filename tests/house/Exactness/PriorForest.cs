using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model.Forests;

namespace Btx.House.Tests.Exactness;

/// <summary>A tiny forest of three experts with cached priors of two domains, and its export; deleted on disposal.</summary>
public sealed class PriorForest : IDisposable
{
    private readonly DirectoryInfo root = Directory.CreateTempSubdirectory("btx-priors-");

    public PriorForest()
    {
        var tiny = new TinyForest { Experts = 3, Seed = 11 };
        var manifest = tiny.Write(Forest);
        Dictionary<string, double>?[] priors = [new() { ["alpha"] = 0.7, ["beta"] = 0.2, ["gamma"] = 0.1 },
            new() { ["alpha"] = 0, ["beta"] = 1, ["gamma"] = 0 }, null];
        (manifest with { Experts = [.. manifest.Experts.Select((e, j) => e with { Prior = priors[j] })] }).Save(Forest);
        Export();
    }

    public string Forest => Path.Combine(root.FullName, "forest");

    public string Served => Path.Combine(root.FullName, "served");

    /// <summary>Takes an expert out of traffic and exports again.</summary>
    public void Quarantine(string expert)
    {
        var manifest = ForestManifest.Load(Forest);
        manifest.With(manifest.Expert(expert) with { Status = ExpertStatus.Quarantined }).Save(Forest);
        Directory.Delete(Served, recursive: true);
        Export();
    }

    public void Dispose() => root.Delete(recursive: true);

    private void Export() => ForestExporter.Export(new ExportOptions { Forest = Forest, Out = Served, Threads = 1 });
}
