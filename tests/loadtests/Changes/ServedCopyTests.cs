using System.Text.Json.Nodes;
using Btx.LoadTests.Changes;

namespace Btx.LoadTests.Tests.Changes;

public sealed class ServedCopyTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("btx-copied-");

    [Fact]
    public void It_names_the_same_source_and_is_gone_afterwards()
    {
        var served = Path.Combine(_root.FullName, "a", "served");
        Directory.CreateDirectory(Path.Combine(served, "graphs"));
        File.WriteAllText(Path.Combine(served, "graphs", "decode.onnx"), "graph");
        File.WriteAllText(Path.Combine(served, "served.json"), """{"source": "../forest", "precision": "fp32"}""");
        string where;
        using (var copy = new ServedCopy(served))
        {
            where = copy.Directory;
            Assert.Equal("graph", File.ReadAllText(Path.Combine(where, "graphs", "decode.onnx")));
            var source = JsonNode.Parse(File.ReadAllText(Path.Combine(where, "served.json")))!["source"]!.GetValue<string>();
            Assert.Equal(Path.Combine(_root.FullName, "a", "forest"), Path.GetFullPath(Path.Combine(where, source)));
        }

        Assert.False(Directory.Exists(where));
        Assert.Contains("\"../forest\"", File.ReadAllText(Path.Combine(served, "served.json")), StringComparison.Ordinal);
    }

    public void Dispose() => _root.Delete(recursive: true);
}
