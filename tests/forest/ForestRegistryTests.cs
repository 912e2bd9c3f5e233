using Btx.Model.Forests;
using Btx.Fixtures;
using Btx.Engine;
using System.Diagnostics;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Registry;
using static Btx.Forest.Tests.RegistryFixture;

namespace Btx.Forest.Tests;

/// <summary>Changes over real graphs; after each a restart serves the same.</summary>
public sealed class ForestRegistryTests(ServedForest served)
{
    private const string Sample = "the cat sat on the mat and the dog ate the rat, then on and on went the tale of the hen in the den";

    [Fact]
    public async Task An_expert_is_added_with_its_lineage_and_priors()
    {
        await using var f = new RegistryFixture(served);
        var before = f.Registry.State;
        var phases = new List<string>();
        var addition = f.Addition() with { Samples = new Dictionary<string, string> { ["epsilon"] = Sample, ["beta"] = Sample } };
        var result = await f.Registry.ChangeAsync(addition, new Direct(p => phases.Add(p.Phase)), None);
        Assert.Equal(("c000001", ChangeKind.Add, ChangeOutcome.Committed, 0L, 1L), (result.Change.Id, result.Change.Kind,
            result.Change.Outcome, result.Change.RevisionBefore, result.Change.RevisionAfter!.Value));
        Assert.Equal([ChangePhase.Validate, ChangePhase.Begin, ChangePhase.Build, ChangePhase.Prior, ChangePhase.Commit, ChangePhase.Swap],
            phases.Distinct());
        Assert.Equal(["alpha", "beta", "gamma", "epsilon"], f.Registry.Engine.Describe().Experts);
        var expert = f.Registry.State.Expert("epsilon");
        Assert.Equal((ExpertRoot.External, 1000L, 10L), (expert.Root, expert.Tokens, expert.Steps));
        Assert.Equal(["alpha", "beta", "gamma", "epsilon"], expert.Prior!.Keys);
        Assert.Equal(expert.Prior, f.Registry.State.Expert("beta").Prior);
        Assert.Equal(before.Expert("alpha").Prior, f.Registry.State.Expert("alpha").Prior);
        Assert.Contains(result.Notes, n => n.StartsWith("cached prior of beta: over ", StringComparison.Ordinal));
        Assert.Equal(result.Change.AfterSha256, f.Registry.State.Hash());
        await f.AssertSurvivesRestart();
    }

    [Fact]
    public async Task An_expert_is_removed_and_the_certificate_holds()
    {
        await using var f = new RegistryFixture(served);
        await f.Registry.ChangeAsync(new AverageCreation
        { By = Author, Name = "blend", Weights = new Dictionary<string, double> { ["alpha"] = 1, ["beta"] = 1 } });
        await f.Scores(); // makes the averages
        var result = await f.Registry.ChangeAsync(Removal("beta") with { Probe = null });
        Assert.Equal(["alpha", "gamma"], f.Registry.Engine.Describe().Experts);
        var certificate = result.Certificate!;
        Assert.True(certificate.Equality.Passed, $"{certificate.Equality}");
        Assert.True(certificate.Equality.ProbeTokens > 300);
        Assert.True(certificate.Caches.Sessions > 2);
        Assert.True(certificate.Caches is { Averages: >= 2, KvSlots: 0, KvBytes: > 0, NativeBytes: > 0 }, $"{certificate.Caches}");
        var report = CertificateVerifier.Verify(f.Registry.Certificate(result.Change.Id), "certificate",
            f.Registry.KeyFingerprint, f.Served);
        Assert.Empty(report.Problems);
        Assert.Equal("expert \"beta\" was removed already, in revision 2",
            (await Assert.ThrowsAsync<BtxException>(() => f.Remove("beta"))).Message);
        await f.AssertSurvivesRestart();
        Assert.Empty(f.Reports);
    }

    [Fact]
    public async Task Weights_that_are_served_already_may_come_under_another_name_with_a_warning()
    {
        await using var f = new RegistryFixture(served);
        await f.Add();
        var warnings = new List<string>();
        var twin = await f.Registry.ChangeAsync(f.Addition("twin", Path.Combine(f.Others, "experts", "epsilon")),
            new Direct(p => warnings.Add(p.Message)), None);
        const string Warning =
            "twin has the same weights as epsilon: it counts double in every mixture, and they can be removed only together";
        Assert.Contains(Warning, twin.Notes);
        Assert.Contains(Warning, warnings);
        Assert.Contains("has the same weights as", (await Assert.ThrowsAsync<BtxException>(() => f.Remove("twin"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_forest_that_is_gone_is_named_with_a_remedy()
    {
        await using var f = new RegistryFixture(served);
        Directory.Move(f.Source, f.Source + "-elsewhere");
        Assert.Equal($"{Path.Combine(f.Served, "served.json")}: the forest that it was exported from is not at "
                + $"{f.Source}; bring it back there, or export again",
            Assert.Throws<BtxException>(() => f.Registry).Message);
    }

    [Fact]
    public async Task Averages_are_made_followed_dropped_and_rolled_back()
    {
        await using var f = new RegistryFixture(served);
        await f.Registry.ChangeAsync(new AverageCreation
        { By = Author, Name = "mine", Weights = new Dictionary<string, double> { ["alpha"] = 1, ["beta"] = 3 } });
        await f.Registry.ChangeAsync(new AverageCreation { By = Author, Name = "of-beta", Domain = "beta" });
        var sampled = await f.Registry.ChangeAsync(new AverageCreation { By = Author, Name = "sampled", Sample = Sample });
        Assert.Contains("weights: the posterior over", Assert.Single(sampled.Notes), StringComparison.Ordinal);
        Assert.Equal(["mine", "of-beta", "sampled"], f.Registry.Engine.Describe().Averages);
        await f.AssertSurvivesRestart();
        await f.Registry.ChangeAsync(new AverageRemoval("mine") { By = Author });
        await f.AssertSurvivesRestart();
        var back = await f.Registry.ChangeAsync(new Rollback { By = Author });
        Assert.Equal("c000004", back.Change.Undoes);
        Assert.Equal(["mine", "of-beta", "sampled"], f.Registry.Engine.Describe().Averages);
        await f.AssertSurvivesRestart();
    }

    [Fact]
    public async Task An_addition_is_rolled_back()
    {
        await using var f = new RegistryFixture(served);
        var before = f.Registry.State;
        await f.Add();
        await f.Registry.ChangeAsync(new Rollback { By = Author });
        Assert.Equal(before.Hash(), (f.Registry.State with { Revision = 0 }).Hash());
        Assert.Equal(["alpha", "beta", "gamma"], f.Registry.Engine.Describe().Experts);
        await f.AssertSurvivesRestart();
    }

    private sealed class Direct(Action<ChangeProgress> action) : IProgress<ChangeProgress>
    {
        public void Report(ChangeProgress value) => action(value);
    }

    [Fact]
    public async Task A_forest_has_one_server_and_others_may_read_it()
    {
        await using var f = new RegistryFixture(served);
        await f.Remove("beta");
        Assert.Contains("is served by another process", Assert.Throws<BtxException>(() => ForestRegistry.Open(f.Engine, new())).Message,
            StringComparison.Ordinal);
        var files = Directory.GetFiles(f.Served, "*", SearchOption.AllDirectories).ToDictionary(p => p, File.GetLastWriteTimeUtc);
        await using (var reader = ForestEngine.Start(f.Engine)) Assert.Equal(["alpha", "gamma"], reader.Describe().Experts);
        Assert.Equal(files, Directory.GetFiles(f.Served, "*", SearchOption.AllDirectories).ToDictionary(p => p, File.GetLastWriteTimeUtc));
    }

    [Fact]
    public async Task What_was_added_must_be_there_at_a_start()
    {
        await using var f = new RegistryFixture(served);
        await f.Add();
        await f.Registry.DisposeAsync();
        var directory = Path.Combine(f.Others, "experts", "epsilon");
        string Refusal() => Assert.Throws<BtxException>(() => ForestRegistry.Open(f.Engine, f.Options)).Message;
        var weights = Path.Combine(directory, "model.safetensors");
        var bytes = File.ReadAllBytes(weights);
        bytes[^3] ^= 1;
        File.WriteAllBytes(weights + ".new", bytes); // what the server had open may be open still for a moment
        File.Move(weights + ".new", weights, overwrite: true);
        Assert.Contains("the weights of expert \"epsilon\" are not those that were added (SHA-256 differs); restore them from a copy",
            Refusal(), StringComparison.Ordinal);
        Directory.Move(directory, directory + "-away");
        Assert.Equal($"{directory}: not found; expert \"epsilon\" was added from there, put it back", Refusal());
    }

    [Fact]
    public async Task A_source_forest_that_grows_is_served_on()
    {
        await using var f = new RegistryFixture(served);
        await f.Add();
        var manifest = ForestManifest.Load(f.Source);
        manifest.With(manifest.Experts[0] with { Name = "later" }).Save(f.Source);
        await f.AssertSurvivesRestart();
    }
}
