using System.Text.Json.Nodes;
using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.Tests.Sweeps;

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
        using (var copy = new ServedCopy(Path.Combine(_root.FullName, "run"), served))
        {
            where = copy.Directory;
            Assert.Equal("graph", File.ReadAllText(Path.Combine(where, "graphs", "decode.onnx")));
            var source = JsonNode.Parse(File.ReadAllText(Path.Combine(where, "served.json")))!["source"]!.GetValue<string>();
            Assert.Equal(Path.Combine(_root.FullName, "a", "forest"), Path.GetFullPath(Path.Combine(where, source)));
        }

        Assert.False(Directory.Exists(where));
        Assert.Contains("\"../forest\"", File.ReadAllText(Path.Combine(served, "served.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_killed_sweep_left_is_cleared_and_a_run_inside_of_the_forest_is_not_copied_into_itself()
    {
        var run = Directory.CreateDirectory(Path.Combine(_root.FullName, "run")).FullName;
        File.WriteAllText(Path.Combine(_root.FullName, "served.json"), "{}");
        var left = new ServedCopy(run, _root.FullName);
        Assert.True(File.Exists(Path.Combine(left.Directory, "served.json")));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(left.Directory, "run")));
        ServedCopy.Clear(run);
        Assert.Empty(Directory.GetFileSystemEntries(run));
        ServedCopy.Clear(run);
    }

    public void Dispose() => _root.Delete(recursive: true);
}
