using System.Text;
using System.Text.Json;
using Btx.Model.Forests;
using Btx.Model.Serving;

namespace Btx.Model.Tests.Serving;

public sealed class ServedForestManifestTests
{
    private static readonly string Hash = new('c', 64);

    private static readonly ServedForestManifest Served = new()
    {
        Source = "../forest",
        SourceSha256 = Hash,
        Precision = "fp32",
        Architecture = Hash,
        Tokenizer = Hash,
        Graphs = [new(ServedGraph.Decode, 0, "decode.onnx", Hash), new(ServedGraph.Ragged, 1, "ragged1.onnx", Hash)],
        Experts = [new() { Name = "a", Domain = "a", Path = "experts/a", Sha256 = Hash },
            new() { Name = "b", Domain = "b", Path = "weights/b", Sha256 = Hash, InSource = false }],
    };

    private static byte[] Json(ServedForestManifest manifest) => JsonSerializer.SerializeToUtf8Bytes(manifest, ManifestJson.Options);

    private static string Problem(ServedForestManifest manifest) =>
        Assert.Throws<BtxException>(() => ServedForestManifest.Parse(Json(manifest), "served.json", "/tmp/served")).Message;

    [Fact]
    public void What_is_saved_is_loaded_and_paths_lead_to_the_source_or_inside()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory["served"]);
        Served.Save(directory["served"]);
        var loaded = ServedForestManifest.Load(directory["served"]);
        Assert.Equal(Json(Served), Json(loaded));
        Assert.Equal(directory["forest/experts/a"], loaded.WeightsDirectory(directory["served"], loaded.Experts[0]));
        Assert.Equal(directory["served/weights/b"], loaded.WeightsDirectory(directory["served"], loaded.Experts[1]));
        Assert.Equal("/elsewhere", (loaded with { Source = "/elsewhere" }).SourceDirectory(directory["served"]));
    }

    [Fact]
    public void A_forest_that_was_not_exported_is_told_from_an_empty_place()
    {
        using var directory = new TemporaryDirectory();
        string Refusal() => Assert.Throws<BtxException>(() => ServedForestManifest.Load(directory.Path)).Message;
        Assert.EndsWith($"`btx export --forest F --out {directory.Path}` makes one", Refusal(), StringComparison.Ordinal);
        File.WriteAllText(directory["forest.json"], "{}");
        Assert.EndsWith($"was not exported; run: btx export --forest {directory.Path} --out SERVED", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Problems_are_named()
    {
        Assert.Contains("schema is 9", Problem(Served with { Schema = 9 }), StringComparison.Ordinal);
        Assert.Contains("\"int3\"", Problem(Served with { Precision = "int3" }), StringComparison.Ordinal);
        Assert.Contains("source is empty", Problem(Served with { Source = " " }), StringComparison.Ordinal);
        Assert.Contains("source is empty or has", Problem(Served with { Source = "a\0b" }), StringComparison.Ordinal);
        Assert.Contains("SHA-256", Problem(Served with { SourceSha256 = "x" }), StringComparison.Ordinal);
        Assert.Contains("0 experts", Problem(Served with { Experts = [] }), StringComparison.Ordinal);
        Assert.Contains("listed twice", Problem(Served with { Experts = [Served.Experts[0], Served.Experts[0]] }),
            StringComparison.Ordinal);
        Assert.Contains("name or domain", Problem(Served with { Experts = [Served.Experts[0] with { Name = "A" }] }),
            StringComparison.Ordinal);
        Assert.Contains("unknown form", Problem(Served with { Graphs = [new("prefill", 1, "p.onnx", Hash)] }), StringComparison.Ordinal);
        Assert.Contains("no ragged graph", Problem(Served with { Graphs = [Served.Graphs[0]] }), StringComparison.Ordinal);
        Assert.Contains("\"../x\"", Problem(Served with { Graphs = [new(ServedGraph.Ragged, 1, "../x", Hash)] }), StringComparison.Ordinal);
        Assert.Contains("\"/x\"", Problem(Served with { Experts = [Served.Experts[0] with { Path = "/x" }] }), StringComparison.Ordinal);
        Assert.Contains("\"a/../../x\"", Problem(Served with { Experts = [Served.Experts[1] with { Path = "a/../../x" }] }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_manifest_names_the_command_that_makes_one()
    {
        using var directory = new TemporaryDirectory();
        Assert.Contains("btx export", Assert.Throws<BtxException>(() => ServedForestManifest.Load(directory.Path)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("{\"source\":\"x\"}")]
    public void Other_json_is_refused(string json) =>
    Assert.Throws<BtxException>(() => ServedForestManifest.Parse(Encoding.UTF8.GetBytes(json), "served.json"));

    [Fact]
    public void Damaged_manifests_give_one_clear_line() =>
        Mutations.Fuzz(Json(Served), 4000, bytes => ServedForestManifest.Parse(bytes, "served.json", "/tmp/served"));
}
