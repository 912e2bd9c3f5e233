using System.Text.Json;
using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Serving;

namespace Btx.Model.Tests.Serving;

public sealed class ServedMoeManifestTests
{
    private static readonly string Hash = new('c', 64);

    private static readonly ServedMoeManifest Served = new()
    {
        Source = "../btx",
        SourceSha256 = Hash,
        Precision = "int4",
        Architecture = Hash,
        Tokenizer = Hash,
        Graphs = [new(ServedGraph.Decode, 0, "decode.onnx", Hash), new(ServedGraph.Ragged, 1, "ragged1.onnx", Hash, 2)],
        Weights = [new() { Path = "model.safetensors", Sha256 = Hash },
            new() { Path = "experts.safetensors", Sha256 = Hash, InSource = false }],
        Experts = [new("a", "a"), new("b", "b", "../../seed")],
        Router = new() { ExpertsPerToken = 2 },
        RouterStatisticsSha256 = Hash,
    };

    private static byte[] Json(ServedMoeManifest manifest) => JsonSerializer.SerializeToUtf8Bytes(manifest, ManifestJson.Options);

    private static string Problem(ServedMoeManifest manifest) =>
        Assert.Throws<BtxException>(() => ServedMoeManifest.Parse(Json(manifest), "served-btx.json", "/tmp/served")).Message;

    [Fact]
    public void What_is_saved_is_loaded_and_paths_lead_to_the_source_or_inside()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory["served"]);
        Served.Save(directory["served"]);
        var loaded = ServedMoeManifest.Load(directory["served"]);
        Assert.Equal(Json(Served), Json(loaded));
        Assert.Equal(directory["btx/model.safetensors"], loaded.WeightsFile(directory["served"], loaded.Weights[0]));
        Assert.Equal(directory["served/experts.safetensors"], loaded.WeightsFile(directory["served"], loaded.Weights[1]));
    }

    [Fact]
    public void A_model_that_was_not_exported_is_told_from_an_empty_place()
    {
        using var directory = new TemporaryDirectory();
        string Refusal() => Assert.Throws<BtxException>(() => ServedMoeManifest.Load(directory.Path)).Message;
        var dense = new LlamaConfig
        {
            VocabSize = 320,
            HiddenSize = 32,
            IntermediateSize = 64,
            NumHiddenLayers = 1,
            NumAttentionHeads = 2,
            NumKeyValueHeads = 2,
            MaxPositionEmbeddings = 32
        };
        Assert.EndsWith($"`btx export --btx MODEL --out {directory.Path}` makes one", Refusal(), StringComparison.Ordinal);
        (dense with { Moe = new(4, 2) }).Save(directory.Path);
        Assert.EndsWith($"was not exported; run: btx export --btx {directory.Path} --out SERVED", Refusal(), StringComparison.Ordinal);
        dense.Save(directory.Path);
        Assert.Contains("is a dense model, no BTX model; `btx train mix` makes one", Refusal(), StringComparison.Ordinal);
        File.WriteAllText(directory["config.json"], "{");
        Assert.Contains("its config cannot be read", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Problems_are_named()
    {
        Assert.Contains("schema is 9", Problem(Served with { Schema = 9 }), StringComparison.Ordinal);
        Assert.Contains("\"int3\"", Problem(Served with { Precision = "int3" }), StringComparison.Ordinal);
        Assert.Contains("source is empty", Problem(Served with { Source = "a\0b" }), StringComparison.Ordinal);
        Assert.Contains("SHA-256", Problem(Served with { Tokenizer = "x" }), StringComparison.Ordinal);
        Assert.Contains("0 experts", Problem(Served with { Experts = [] }), StringComparison.Ordinal);
        Assert.Contains("listed twice", Problem(Served with { Experts = [new("a", "a"), new("a", "b")] }), StringComparison.Ordinal);
        Assert.Contains("name or domain", Problem(Served with { Experts = [new("A", "a")] }), StringComparison.Ordinal);
        Assert.Contains("experts_per_token is 3; expected 1..2", Problem(Served with { Router = new() { ExpertsPerToken = 3 } }),
            StringComparison.Ordinal);
        Assert.Contains("outside 1..2", Problem(Served with { Graphs = [new(ServedGraph.Ragged, 1, "r", Hash, 3)] }),
            StringComparison.Ordinal);
        Assert.Contains("source of an expert is no path", Problem(Served with { Experts = [new("a", "a", "x\ny"), new("b", "b")] }),
            StringComparison.Ordinal);
        Assert.Contains("router_statistics_sha256 is not a SHA-256", Problem(Served with { RouterStatisticsSha256 = "x" }),
            StringComparison.Ordinal);
        Assert.Contains("weights is empty", Problem(Served with { Weights = [] }), StringComparison.Ordinal);
        Assert.Contains("unknown form", Problem(Served with { Graphs = [new("prefill", 1, "p.onnx", Hash)] }), StringComparison.Ordinal);
        Assert.Contains("no ragged graph", Problem(Served with { Graphs = [Served.Graphs[0]] }), StringComparison.Ordinal);
        Assert.Contains("\"../x\"", Problem(Served with { Graphs = [new(ServedGraph.Ragged, 1, "../x", Hash)] }), StringComparison.Ordinal);
        Assert.Contains("\"../x\"", Problem(Served with { Weights = [new() { Path = "../x", Sha256 = Hash }] }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_manifest_names_the_command_that_makes_one()
    {
        using var directory = new TemporaryDirectory();
        Assert.Contains("btx export", Assert.Throws<BtxException>(() => ServedMoeManifest.Load(directory.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_manifests_give_one_clear_line() =>
        Mutations.Fuzz(Json(Served), 4000, bytes => ServedMoeManifest.Parse(bytes, "served-btx.json", "/tmp/served"));
}
