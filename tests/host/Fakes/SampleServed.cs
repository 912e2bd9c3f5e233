using System.Security.Cryptography;
using System.Text;
using Btx.Model.Forests;
using Btx.Model.Registry;
using Btx.Model.Serving;

namespace Btx.Server.Tests.Fakes;

/// <summary>A served forest on disk, its weights a few bytes: novels and python from the seed,
/// german from both. Deleted on disposal.</summary>
internal sealed class SampleServed : IDisposable
{
    private static readonly Dictionary<string, double> s_novelsPrior = new() { ["novels"] = 0.5, ["python"] = 0.25, ["german"] = 0.25 };
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("btx-served-");

    public SampleServed()
    {
        Served = Path.Combine(_root.FullName, "served");
        Forest = Path.Combine(_root.FullName, "forest");
        Directory.CreateDirectory(Served);
        var manifest = new ForestManifest
        {
            Architecture = Hash("architecture"),
            Tokenizer = Hash("tokenizer"),
            Experts = [Entry("novels", 1, ("seed", 1)) with { Prior = s_novelsPrior }, Entry("python", 1, ("seed", 1)),
                Entry("german", 2, ("novels", 0.75), ("python", 0.25))],
        };
        foreach (var e in manifest.Experts)
        {
            Directory.CreateDirectory(Path.Combine(Forest, e.Path));
            File.WriteAllText(Path.Combine(Forest, e.Path, "model.safetensors"), e.Name);
        }

        manifest.Save(Forest);
        new ServedForestManifest
        {
            Source = "../forest",
            SourceSha256 = manifest.Hash(),
            Precision = "fp32",
            Architecture = manifest.Architecture,
            Tokenizer = manifest.Tokenizer,
            Graphs = [new(ServedGraph.Ragged, 1, "ragged1.onnx", Hash("graph"))],
            Experts = [
                .. manifest.Experts.Select(e => new ServedExpert { Name = e.Name, Domain = e.Domain, Path = e.Path, Sha256 = e.Sha256 })],
        }.Save(Served);
        State = ForestState.Load(Served);
    }

    /// <summary>Directory with <c>served.json</c>.</summary>
    public string Served { get; }

    /// <summary>Directory with <c>forest.json</c>.</summary>
    public string Forest { get; }

    /// <summary>Revision 0.</summary>
    public ForestState State { get; }

    /// <summary>A file beside the served forest.</summary>
    public string this[string name] => Path.Combine(_root.FullName, name);

    public static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    public void Dispose() => _root.Delete(recursive: true);

    private static ExpertEntry Entry(string name, int round, params (string Name, double Weight)[] parents) => new()
    {
        Name = name,
        Domain = name,
        Path = $"experts/{name}",
        Sha256 = Hash(name),
        Round = round,
        Parents = [.. parents.Select(p => new ParentEntry(p.Name, p.Weight))],
        Tokens = 150_000,
        Steps = 10,
    };
}
