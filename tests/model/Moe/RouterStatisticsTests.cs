using System.Text;
using Btx.Model.Moe;

namespace Btx.Model.Tests.Moe;

public sealed class RouterStatisticsTests
{
    private static readonly string Hash = new('a', 64);

    private static RouterStatistics Made(float value = 4) => new(HiddenStateForm.Own, 100,
    [
        new("novels", Hash, "text-1", [new(3, [1, 2], [1, 2, 2, 5], [0.5f, 1, 1.5f, 2]), new(3, [3, 4], [9, 1, 1, 8], [])]),
        new("python", Hash[1..] + "b", "text-2", [new(7, [value, 2], [1, 2, 2, 5], [1, 1]), new(7, [1, 2], [1, 2, 2, 5], [1, 1])]),
    ]);

    [Fact]
    public void What_is_saved_is_loaded_and_saved_again_to_the_bit()
    {
        using var directory = new TemporaryDirectory();
        Made().Save(directory["a/router/s.safetensors"]);
        var loaded = RouterStatistics.Load(directory["a/router/s.safetensors"]);
        Assert.Equal((HiddenStateForm.Own, 100), (loaded.Form, loaded.Tokens));
        Assert.Equal(["novels", "python"], loaded.Domains.Select(d => d.Expert));
        Assert.Equal((Hash, "text-1", 3), (loaded.Domains[0].Sha256, loaded.Domains[0].Text, loaded.Domains[0].Layers[0].Count));
        Assert.Equal([9, 1, 1, 8], loaded.Domains[0].Layers[1].Gram);
        loaded.Save(directory["b.safetensors"]);
        Assert.Equal(File.ReadAllBytes(directory["a/router/s.safetensors"]), File.ReadAllBytes(directory["b.safetensors"]));
    }

    [Fact]
    public void A_domain_that_is_not_wanted_is_not_read_and_leaves_nothing()
    {
        using var directory = new TemporaryDirectory();
        Made(float.NaN).Save(directory["s"]);
        Assert.Contains("tensor \"python.layers.0.sum\" holds a value that is not finite",
            Assert.Throws<BtxException>(() => RouterStatistics.Load(directory["s"])).Message, StringComparison.Ordinal);
        var rest = RouterStatistics.Load(directory["s"], d => d.Expert != "python");
        Assert.Equal("novels", Assert.Single(rest.Domains).Expert);
        rest.Save(directory["rest"]);
        Assert.DoesNotContain("python", Encoding.Latin1.GetString(File.ReadAllBytes(directory["rest"])), StringComparison.Ordinal);
        var header = new List<(string, string, int)>();
        Assert.Empty(RouterStatistics.Load(directory["s"], d =>
        {
            header.Add((d.Expert, d.Text, d.Layers.Count));
            return false;
        }).Domains);
        Assert.Equal([("novels", "text-1", 0), ("python", "text-2", 0)], header);
    }
}
