using Btx.Fixtures;
using Btx.Model.Serving;

namespace Btx.Exporter.Tests;

public sealed class ForestExporterTests
{
    [Fact]
    public void A_tiny_forest_exports_with_logits_equal_to_the_plain_reference()
    {
        using var served = new TinyServedForest();
        Assert.InRange(served.Report.MaxRelativeDifference, 1e-9, 1e-4);
        var manifest = ServedForestManifest.Load(served.Served);
        Assert.Equal(["alpha", "beta", "gamma"], manifest.Experts.Select(e => e.Name));
        Assert.All(manifest.Graphs, g => Assert.True(File.Exists(Path.Combine(served.Served, g.File))));
    }
}
