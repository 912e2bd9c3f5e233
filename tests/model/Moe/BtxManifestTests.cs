using System.Text;
using System.Text.Json;
using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Moe;

namespace Btx.Model.Tests.Moe;

public sealed class BtxManifestTests
{
    private static readonly string Hash = new('d', 64), Weights = new('e', 64);

    private static readonly LlamaConfig Config = new()
    {
        VocabSize = 11,
        HiddenSize = 8,
        IntermediateSize = 12,
        NumHiddenLayers = 2,
        NumAttentionHeads = 2,
        NumKeyValueHeads = 1,
        MaxPositionEmbeddings = 16,
        Moe = new(2, 1),
    };

    private static readonly BtxManifest Manifest = new()
    {
        Architecture = Config.Fingerprint(),
        Tokenizer = Hash,
        Sha256 = Weights,
        ForestSha256 = Hash,
        Without = ["python"],
        Experts =
        [
            new() { Name = "novels", Domain = "novels", Sha256 = Hash, Parents = [new("seed", 1)], CorpusSha256 = Hash, Tokens = 5,
                Steps = 1 },
            new() { Name = "seed", Domain = "seed", Sha256 = Hash, Source = "/models/seed" },
        ],
        Router = new() { Kind = RouterKind.SampleTop1, ExpertsPerToken = 1, Init = "ridge", RidgeLambda = 0.01, SoftLayers = [0] },
        FineTune = new()
        {
            Tokens = 7,
            Steps = 2,
            Corpora = new Dictionary<string, string> { ["novels"] = Hash },
            Weights = new Dictionary<string, double> { ["novels"] = 1 },
            LoadBalancing = 0.01,
            FrozenExperts = true
        },
    };

    private static byte[] Json(BtxManifest manifest) => JsonSerializer.SerializeToUtf8Bytes(manifest, ManifestJson.Options);

    private static string Problem(BtxManifest manifest) =>
        Assert.Throws<BtxException>(() => BtxManifest.Parse(Json(manifest), "btx.json")).Message;

    private static string Misfit(string directory, LlamaConfig config, string tokenizer, string sha256) =>
        Assert.Throws<BtxException>(() => BtxManifest.Of(directory, config, tokenizer, sha256)).Message;

    [Fact]
    public void What_is_saved_is_loaded()
    {
        using var directory = new TemporaryDirectory();
        Manifest.Save(directory.Path);
        Assert.Equal(Json(Manifest), Json(BtxManifest.Load(directory.Path)));
        Assert.Equal(Json(Manifest), Json(BtxManifest.Of(directory.Path, Config, Hash, Weights)));
    }

    [Fact]
    public void A_Mixtral_directory_made_elsewhere_gets_numbered_experts()
    {
        using var directory = new TemporaryDirectory();
        var manifest = BtxManifest.Of(directory.Path, Config with { Moe = new(3, 2) }, Hash, Weights);
        Assert.Equal(["expert-0", "expert-1", "expert-2"], manifest.Experts.Select(e => e.Name));
        Assert.Equal((RouterKind.TopK, 2), (manifest.Router.Kind, manifest.Router.ExpertsPerToken));
        manifest.Save(directory.Path);
        Assert.Equal(Json(manifest), Json(BtxManifest.Load(directory.Path)));
    }

    [Fact]
    public void What_describes_another_model_is_refused()
    {
        using var directory = new TemporaryDirectory();
        Manifest.Save(directory.Path);
        Assert.Contains("another architecture", Misfit(directory.Path, Config with { VocabSize = 12 }, Hash, Weights),
            StringComparison.Ordinal);
        Assert.Contains("another tokenizer", Misfit(directory.Path, Config, Weights, Weights), StringComparison.Ordinal);
        Assert.Contains("other weights", Misfit(directory.Path, Config, Hash, Hash), StringComparison.Ordinal);
        Assert.EndsWith("; mix again, or remove the file to use the directory as a plain Mixtral model",
            Misfit(directory.Path, Config with { VocabSize = 12 }, Hash, Weights), StringComparison.Ordinal);
        Assert.Contains("expected mixtral", Misfit(directory.Path, Config with { Moe = null }, Hash, Weights),
            StringComparison.Ordinal);
        var shallow = Config with { NumHiddenLayers = 1 };
        (Manifest with { Architecture = shallow.Fingerprint(), Router = Manifest.Router with { SoftLayers = [1] } }).Save(directory.Path);
        Assert.Contains("soft layer", Misfit(directory.Path, shallow, Hash, Weights), StringComparison.Ordinal);
        (Manifest with { Experts = [Manifest.Experts[0]], Router = new() { ExpertsPerToken = 1 } }).Save(directory.Path);
        Assert.Contains("lists 1 experts", Misfit(directory.Path, Config, Hash, Weights), StringComparison.Ordinal);
    }

    [Fact]
    public void Problems_are_named()
    {
        Assert.Contains("schema is 9", Problem(Manifest with { Schema = 9 }), StringComparison.Ordinal);
        Assert.Contains("is not a SHA-256", Problem(Manifest with { Sha256 = "x" }), StringComparison.Ordinal);
        Assert.Contains("forest_sha256", Problem(Manifest with { ForestSha256 = "x" }), StringComparison.Ordinal);
        Assert.Contains("0 experts", Problem(Manifest with { Experts = [] }), StringComparison.Ordinal);
        Assert.Contains("listed twice", Problem(Manifest with { Experts = [Manifest.Experts[0], Manifest.Experts[0]] }),
            StringComparison.Ordinal);
        Assert.Contains("name or domain", Problem(Manifest with { Experts = [Manifest.Experts[0] with { Name = "A b" }] }),
            StringComparison.Ordinal);
        Assert.Contains("\"hash\" is unknown", Problem(Manifest with { Router = Manifest.Router with { Kind = "hash" } }),
            StringComparison.Ordinal);
        Assert.Contains("experts_per_token is 3; expected 1..2",
            Problem(Manifest with { Router = Manifest.Router with { ExpertsPerToken = 3 } }), StringComparison.Ordinal);
        Assert.Contains("expert \"novels\": source is no path",
            Problem(Manifest with { Experts = [Manifest.Experts[0] with { Source = "" }] }), StringComparison.Ordinal);
        Assert.Contains("ridge_lambda is -1; expected a number above 0",
            Problem(Manifest with { Router = Manifest.Router with { RidgeLambda = -1 } }), StringComparison.Ordinal);
        Assert.Contains("negative", Problem(Manifest with { Router = Manifest.Router with { SoftLayers = [-1] } }),
            StringComparison.Ordinal);
        Assert.Contains("without", Problem(Manifest with { Without = ["/"] }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_manifest_with_a_fault_is_not_written()
    {
        using var directory = new TemporaryDirectory();
        Assert.Throws<BtxException>(() => (Manifest with { Schema = 2 }).Save(directory.Path));
        Assert.False(BtxManifest.Exists(directory.Path));
    }

    [Fact]
    public void A_missing_manifest_names_the_command_that_makes_one()
    {
        using var directory = new TemporaryDirectory();
        Assert.Contains("btx train mix", Assert.Throws<BtxException>(() => BtxManifest.Load(directory.Path)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"schema\":1}")]
    public void Other_json_is_refused(string json) =>
    Assert.Throws<BtxException>(() => BtxManifest.Parse(Encoding.UTF8.GetBytes(json), "btx.json"));

    [Fact]
    public void Damaged_manifests_give_one_clear_line() =>
    Mutations.Fuzz(Json(Manifest), 4000, bytes => BtxManifest.Parse(bytes, "btx.json"));
}
