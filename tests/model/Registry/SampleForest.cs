using Btx.Model.Forests;
using Btx.Model.Registry;
using Btx.Model.Serving;

namespace Btx.Model.Tests.Registry;

/// <summary>a and b from the seed; c from both; d from c and a.</summary>
internal static class SampleForest
{
    public static readonly ForestManifest Manifest = new()
    {
        Architecture = Hash("architecture"),
        Tokenizer = Hash("tokenizer"),
        Experts =
        [
            Entry("a", 1, ("seed", 1)) with { Prior = new Dictionary<string, double> { ["a"] = 0.5, ["b"] = 0.25, ["c"] = 0.25 } },
            Entry("b", 1, ("seed", 1)) with { Prior = new Dictionary<string, double> { ["b"] = 1 } },
            Entry("c", 2, ("a", 0.25), ("b", 0.75)),
            Entry("d", 3, ("c", 0.5), ("a", 0.5)),
        ],
    };

    public static readonly ForestState State = Base(Manifest);

    /// <summary>Two experts of few fields, for tests that read many journals.</summary>
    public static readonly ForestState Small = Base(Manifest with { Experts = [Entry("a", 1), Entry("b", 1)] });

    public static string Hash(string text) =>
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));

    public static ServedForestManifest Served(ForestManifest manifest) => new()
    {
        Source = "../forest",
        SourceSha256 = manifest.Hash(),
        Precision = "fp32",
        Architecture = manifest.Architecture,
        Tokenizer = manifest.Tokenizer,
        Graphs = [new(ServedGraph.Ragged, 1, "ragged1.onnx", Hash("graph"))],
        Experts = [
            .. manifest.Experts.Select(e => new ServedExpert { Name = e.Name, Domain = e.Domain, Path = e.Path, Sha256 = e.Sha256 })],
    };

    public static ForestState Base(ForestManifest manifest) => ForestState.Base(Served(manifest), manifest);

    public static ExpertEntry Entry(string name, int round, params (string Name, double Weight)[] parents) => new()
    {
        Name = name,
        Domain = name,
        Path = $"experts/{name}",
        Sha256 = Hash(name),
        Round = round,
        Parents = [.. parents.Select(p => new ParentEntry(p.Name, p.Weight))],
        Tokens = 1000,
        Steps = 10,
    };

    public static RegisteredExpert Expert(string name, params (string Name, double Weight)[] parents) => new()
    {
        Name = name,
        Domain = name,
        Path = $"/models/{name}",
        Root = ExpertRoot.External,
        Sha256 = Hash(name),
        Parents = [.. parents.Select(p => new ParentEntry(p.Name, p.Weight))],
        Tokens = 1000,
    };

    /// <summary>A served forest with its source on disk: every expert is one file.</summary>
    public static (string Served, ForestState State) Write(TemporaryDirectory directory)
    {
        Directory.CreateDirectory(directory["forest"]);
        Directory.CreateDirectory(directory["served"]);
        foreach (var e in Manifest.Experts)
        {
            Directory.CreateDirectory(directory[$"forest/experts/{e.Name}"]);
            File.WriteAllText(directory[$"forest/experts/{e.Name}/model.safetensors"], e.Name);
        }

        Manifest.Save(directory["forest"]);
        Served(Manifest).Save(directory["served"]);
        return (directory["served"], State);
    }

    public static ChangeRequest Request(string kind, params string[] subjects) =>
        new() { Kind = kind, Author = "ada", Reason = "a test", Subjects = subjects };
}
