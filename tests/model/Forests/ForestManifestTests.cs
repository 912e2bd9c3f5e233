using System.Text;
using Btx.Model.Forests;

namespace Btx.Model.Tests.Forests;

public sealed class ForestManifestTests
{
    private static readonly string Hash = new('a', 64);

    private static ExpertEntry Expert(string name) => new()
    {
        Name = name,
        Domain = name,
        Path = $"experts/{name}",
        Sha256 = Hash,
        Parents = [new("seed", 0.25), new("other", 0.75)],
        Round = 2,
        CorpusSha256 = new('b', 64),
        Tokens = 5_000_000_000,
        Steps = 12,
        Prior = new Dictionary<string, double> { ["novels"] = 0.75, ["bible"] = 0.25 },
    };

    private static readonly ForestManifest Forest = new()
    {
        Architecture = Hash,
        Tokenizer = Hash,
        Experts = [Expert("novels"), Expert("bible") with { Status = ExpertStatus.Quarantined, Prior = null }]
    };

    private static string Problem(ForestManifest manifest, string? root = null) =>
        Assert.Throws<BtxException>(() => ForestManifest.Parse(manifest.ToJson(), "forest.json", root)).Message;

    private static string Problem(ExpertEntry expert) => Problem(Forest with { Experts = [expert] });

    [Fact]
    public void What_is_saved_is_loaded()
    {
        using var directory = new TemporaryDirectory();
        Forest.Save(directory.Path);
        var loaded = ForestManifest.Load(directory.Path);
        Assert.Equal(Forest.Hash(), loaded.Hash());
        Assert.Equal(Forest.Experts[0].Parents, loaded.Experts[0].Parents);
        Assert.Equal(0.75, loaded.Expert("novels").Prior!["novels"]);
        Assert.Equal(5_000_000_000, loaded.Expert("novels").Tokens);
        Assert.Null(loaded.Expert("bible").Prior);
        Assert.Equal(ExpertStatus.Quarantined, loaded.Expert("bible").Status);
    }

    [Fact]
    public void The_fields_have_their_published_names()
    {
        var json = Encoding.UTF8.GetString(Forest.ToJson());
        foreach (var field in new[] { "schema", "architecture", "tokenizer", "experts", "name", "domain", "path", "sha256", "parents",
            "weight", "round", "corpus_sha256", "tokens", "steps", "prior", "status" })
            Assert.Contains($"\"{field}\":", json, StringComparison.Ordinal);
    }

    [Fact]
    public void An_expert_is_added_replaced_and_found_by_name()
    {
        var grown = Forest.With(Expert("python")).With(Expert("bible") with { Steps = 99 });
        Assert.Equal(["novels", "python", "bible"], grown.Experts.Select(e => e.Name));
        Assert.Equal(99, grown.Expert("bible").Steps);
        Assert.Contains("novels, bible", Assert.Throws<BtxException>(() => Forest.Expert("x")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_expert_whose_files_are_gone_is_omitted_and_named()
    {
        var directory = Directory.CreateTempSubdirectory("btx-present-").FullName;
        try
        {
            var forest = Forest.With(Expert("python"));
            foreach (var expert in forest.Experts.Where(e => e.Name != "python"))
                Directory.CreateDirectory(Path.Combine(directory, expert.Path));
            var notes = new List<string>();
            Assert.Equal(["novels"], forest.Present(directory, notes.Add).Select(e => e.Name));
            Assert.StartsWith("note: expert \"python\" is left out: ", Assert.Single(notes), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public void A_prior_is_rescaled_over_the_experts_that_are_asked_for()
    {
        Assert.Equal([0.25, 0.75], Forest.Prior("novels", ["bible", "novels"])!);
        Assert.Equal([0, 1.0], Forest.Prior("novels", ["python", "bible"])!);
        Assert.Null(Forest.Prior("novels", ["python"]));
        Assert.Null(Forest.Prior("bible", ["bible", "novels"]));
        Assert.Equal(["novels"], Forest.Priors(["novels", "bible"]).Keys);
    }

    [Fact]
    public void Problems_of_an_expert_are_named()
    {
        Assert.Contains("\"Novels\"", Problem(Expert("Novels")), StringComparison.Ordinal);
        Assert.Contains("1-64 of", Problem(Expert(new string('x', 65))), StringComparison.Ordinal);
        Assert.Contains("domain", Problem(Expert("a") with { Domain = "a b" }), StringComparison.Ordinal);
        Assert.Contains("sha256", Problem(Expert("a") with { Sha256 = "abc" }), StringComparison.Ordinal);
        Assert.Contains("corpus_sha256", Problem(Expert("a") with { CorpusSha256 = "" }), StringComparison.Ordinal);
        Assert.Contains("round is -1", Problem(Expert("a") with { Round = -1 }), StringComparison.Ordinal);
        Assert.Contains("negative", Problem(Expert("a") with { Tokens = -1 }), StringComparison.Ordinal);
        Assert.Contains("status \"gone\"", Problem(Expert("a") with { Status = "gone" }), StringComparison.Ordinal);
        Assert.Contains("sum to 0.5", Problem(Expert("a") with { Parents = [new("seed", 0.5)] }), StringComparison.Ordinal);
        Assert.Contains("weight -1", Problem(Expert("a") with { Parents = [new("seed", -1), new("b", 2)] }), StringComparison.Ordinal);
        Assert.Contains("parent has no valid name", Problem(Expert("a") with { Parents = [new("../x", 1)] }), StringComparison.Ordinal);
        Assert.Contains("prior sums to 0.5", Problem(Expert("a") with { Prior = new Dictionary<string, double> { ["a"] = 0.5 } }),
            StringComparison.Ordinal);
        Assert.Contains("prior of \"a\" is 2", Problem(Expert("a") with { Prior = new Dictionary<string, double> { ["a"] = 2 } }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Problems_of_the_forest_are_named()
    {
        Assert.Contains("schema is 2", Problem(Forest with { Schema = 2 }), StringComparison.Ordinal);
        Assert.Contains("architecture", Problem(Forest with { Architecture = "x" }), StringComparison.Ordinal);
        Assert.Contains("tokenizer", Problem(Forest with { Tokenizer = Hash.ToUpperInvariant() }), StringComparison.Ordinal);
        Assert.Contains("listed twice", Problem(Forest with { Experts = [Expert("a"), Expert("a")] }), StringComparison.Ordinal);
    }

    [Fact]
    public void All_faults_are_in_the_one_message()
    {
        var message = Problem(Forest with { Schema = 2, Architecture = "x", Experts = [Expert("a") with { Round = -1, Steps = -2 }] });
        foreach (var part in new[] { "schema is 2", "architecture", "round is -1", "negative" })
            Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("..")]
    [InlineData("../outside")]
    [InlineData("experts/../../outside")]
    [InlineData("/outside")]
    [InlineData("link")]
    [InlineData("link/a")]
    [InlineData("experts/linked-weights")]
    [InlineData("experts/hard-linked-weights")]
    public void A_path_outside_the_forest_is_refused(string path)
    {
        using var directory = new TemporaryDirectory();
        using var outside = new TemporaryDirectory();
        File.WriteAllText(outside["model.safetensors"], "w");
        Directory.CreateSymbolicLink(directory["link"], outside.Path);
        Directory.CreateDirectory(directory["experts/linked-weights"]);
        File.CreateSymbolicLink(directory["experts/linked-weights/model.safetensors"], outside["model.safetensors"]);
        Directory.CreateDirectory(directory["experts/hard-linked-weights"]);
        using (var ln = System.Diagnostics.Process.Start("ln",
            [outside["model.safetensors"], directory["experts/hard-linked-weights/model.safetensors"]]))
            ln.WaitForExit();
        var manifest = Forest with { Experts = [Expert("a") with { Path = path }] };
        File.WriteAllBytes(directory[ForestManifest.FileName], manifest.ToJson());
        var message = Assert.Throws<BtxException>(() => ForestManifest.Load(directory.Path)).Message;
        Assert.StartsWith($"{directory[ForestManifest.FileName]}: ", message, StringComparison.Ordinal);
        // once is enough
        Assert.DoesNotContain($"{ForestManifest.FileName}: {directory.Path}/{ForestManifest.FileName}", message, StringComparison.Ordinal);
        Assert.Throws<BtxException>(() => manifest.Save(directory.Path));
    }

    [Fact]
    public void A_manifest_with_faults_is_not_saved()
    {
        using var directory = new TemporaryDirectory();
        Forest.Save(directory.Path);
        Assert.Throws<BtxException>(() => (Forest with { Tokenizer = "" }).Save(directory.Path));
        Assert.Equal(Forest.Hash(), ForestManifest.Load(directory.Path).Hash());
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("")]
    [InlineData("{\"schema\":1,\"architecture\":null,\"tokenizer\":null,\"experts\":null}")]
    [InlineData("{\"schema\":1,\"architecture\":\"a\",\"architecture\":\"b\",\"tokenizer\":\"\",\"experts\":[]}")]
    [InlineData("{\"schema\":1,\"architecture\":\"\",\"tokenizer\":\"\",\"experts\":[null]}")]
    [InlineData("{\"schema\":1e99,\"architecture\":\"\",\"tokenizer\":\"\",\"experts\":[]}")]
    public void Other_json_is_refused(string json) =>
        Assert.StartsWith("forest.json: ", Assert.Throws<BtxException>(() =>
        ForestManifest.Parse(Encoding.UTF8.GetBytes(json), "forest.json")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_missing_manifest_names_the_command_that_makes_one()
    {
        using var directory = new TemporaryDirectory();
        Assert.Contains("btx train round", Assert.Throws<BtxException>(() => ForestManifest.Load(directory.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_manifests_give_one_clear_line()
    {
        using var directory = new TemporaryDirectory();
        Mutations.Fuzz(Forest.ToJson(), 4000, bytes => ForestManifest.Parse(bytes, "forest.json", directory.Path).ToJson());
    }
}
