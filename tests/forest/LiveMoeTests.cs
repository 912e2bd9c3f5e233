using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Moe;
using Btx.Model.Registry;
using Btx.Model.Serving;
using static Btx.Forest.Tests.RegistryFixture;

namespace Btx.Forest.Tests;

/// <summary>A served BTX model follows its experts, or leaves; the mixing itself is a fake that takes another exported model.</summary>
public sealed class LiveMoeTests(ServedForest served, ServedBtx btx)
{
    // A copy of an exported model whose experts have the forest's names.
    private static string Moe(ServedBtx btx, string to, params string[] names)
    {
        foreach (var file in Directory.GetFiles(btx.Served, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(btx.Served, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        var manifest = ServedMoeManifest.Load(btx.Served);
        (manifest with { Source = btx.Model, Experts = [.. manifest.Experts.Select((e, i) => e with { Name = names[i] })] }).Save(to);
        return to;
    }

    private static RegistryFixture Fixture(ServedForest served, ServedBtx btx, IMoeRemix? remix)
    {
        var f = new RegistryFixture(served, registered: o => o with { Remix = remix });
        f.Engine = f.Engine with
        { Moe = Moe(btx, Path.Combine(Path.GetDirectoryName(f.Source)!, "btx"), "alpha", "beta", "gamma", "seed") };
        return f;
    }

    private static async Task AssertAnswers(RegistryFixture f, bool answers)
    {
        Assert.Equal(answers, f.Registry.Engine.Describe().Moe is not null);
        if (answers) Assert.Equal(4, (await f.Registry.Engine.Run(EngineCalls.Request(EngineCalls.Moe(2), 4))).Count);
    }

    [Fact]
    public async Task A_removal_from_it_is_refused_where_none_can_be_mixed_and_drops_it_on_request()
    {
        await using var f = Fixture(served, btx, null);
        var e = await Assert.ThrowsAsync<BtxException>(() => f.Remove("beta"));
        Assert.EndsWith("remove with --drop-btx to stop serving it", e.Message, StringComparison.Ordinal);
        var plan = f.Registry.Plan(["beta"], LineagePolicy.Only);
        Assert.Equal(new MoeFate("mixed again without beta", e.Message), f.Registry.MoeFate(plan, drop: false));
        Assert.Equal(new MoeFate("served no more, for it holds beta", null), f.Registry.MoeFate(plan, drop: true));
        await AssertAnswers(f, true);
        var result = await f.Registry.ChangeAsync(Removal("beta") with { DropMoe = true });
        Assert.Contains("its files stay and still hold beta", Assert.Single(result.Notes), StringComparison.Ordinal);
        Assert.True(result.Certificate!.Equality.Passed);
        await AssertAnswers(f, false);
        await f.AssertSurvivesRestart();
        await AssertAnswers(f, false);
        Assert.Contains("is not served: a removal dropped the BTX model", Assert.Single(f.Reports), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_expert_that_it_holds_under_another_name_is_found_by_its_weights()
    {
        await using var f = Fixture(served, btx, new FakeRemix((_, _) => Assert.Fail("it cannot be re-mixed")));
        var named = Moe(btx, Path.Combine(Path.GetDirectoryName(f.Source)!, "renamed"), "alpha", "second", "gamma", "seed");
        var lineage = BtxManifest.Load(btx.Model);
        (lineage with
        {
            Experts = [.. lineage.Experts.Select((e, i) => e with { Name = i == 1 ? "second" : e.Name,
            Sha256 = i == 1 ? f.Registry.State.Expert("beta").Sha256 : e.Sha256 })]
        }).Save(named);
        f.Engine = f.Engine with { Moe = named };
        await f.Restart();
        var e = await Assert.ThrowsAsync<BtxException>(() => f.Remove("beta"));
        Assert.Equal($"the BTX model {named} holds beta under the name second, and is re-mixed by names; "
                + "remove with --drop-btx to stop serving it",
            e.Message);
        await AssertAnswers(f, true);
        f.Engine = f.Engine with { Moe = null };
        await f.Restart();
        await f.Remove("beta");
        f.Engine = f.Engine with { Moe = named };
        await f.Restart();
        await AssertAnswers(f, false);
        Assert.Contains("it holds expert \"beta\", which was taken out of the forest", Assert.Single(f.Reports), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Statistics_that_do_not_serve_are_refused_before_the_change_is_begun()
    {
        var remix = new FakeRemix((to, names) => Moe(btx, to, names)) { Statistics = false };
        await using var f = Fixture(served, btx, remix);
        var addition = f.Addition() with { RouterStatistics = f.Others };
        Assert.Equal("no statistics", (await Assert.ThrowsAsync<BtxException>(() => f.Registry.ChangeAsync(addition))).Message);
        Assert.Empty(f.Registry.History);
    }

    [Fact]
    public async Task A_certificate_made_after_a_crash_names_the_mixed_models_too()
    {
        var remix = new FakeRemix((to, names) => Moe(btx, to, names));
        await using var f = Fixture(served, btx, remix);
        var before = f.Registry.Engine.Describe().Moe!.Sha256;
        f.InjectFault = point =>
        {
            if (point == "change:checked") throw new IOException("no space left");
        };
        await Assert.ThrowsAsync<BtxException>(() => f.Remove("beta"));
        f.InjectFault = null;
        var certificate = RemovalCertificate.Parse((await f.Restart()).Certificate("c000001"), "it");
        Assert.Equal((before, f.Registry.Engine.Describe().Moe!.Sha256), (certificate.MoeBeforeSha256, certificate.MoeAfterSha256));
    }

    [Fact]
    public async Task It_is_mixed_again_and_what_is_not_served_any_more_is_deleted()
    {
        var remix = new FakeRemix((to, names) => Moe(btx, to, names));
        await using var f = Fixture(served, btx, remix);
        var first = await f.Remove("beta");
        Assert.Equal(("mixtures/c000001", true), (f.Registry.State.Moe, Directory.Exists(Path.Combine(f.Served, "mixtures", "c000001"))));
        Assert.NotNull(first.Certificate!.MoeAfterSha256);
        Assert.True(first.Certificate.Equality.Passed);
        Assert.DoesNotContain("beta", f.Registry.Engine.Describe().Moe!.Experts);
        await f.AssertSurvivesRestart();
        await AssertAnswers(f, true);

        var added = await f.Add();
        Assert.Equal("the BTX model stays as it is: no statistics", added.Notes[^1]);
        remix.Statistics = true;
        await f.Registry.ChangeAsync(new Rollback { By = Author });
        await f.Add();
        Assert.Equal("mixtures/c000004", f.Registry.State.Moe);
        Assert.Contains("epsilon", f.Registry.Engine.Describe().Moe!.Experts);
        Assert.Equal(2, Directory.GetDirectories(Path.Combine(f.Served, "mixtures")).Length); // a rollback would need the other
        await f.Registry.ChangeAsync(new Rollback { By = Author });
        Assert.Equal("mixtures/c000001", f.Registry.State.Moe);
        await f.AssertSurvivesRestart();
        Assert.Equal([Path.Combine(f.Served, "mixtures", "c000001")], Directory.GetDirectories(Path.Combine(f.Served, "mixtures")));
        var dropped = await f.Registry.ChangeAsync(Removal("gamma") with { DropMoe = true });
        Assert.EndsWith("mixtures/c000001 is served no more; its files are deleted", Assert.Single(dropped.Notes),
            StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(Path.Combine(f.Served, "mixtures")));
    }

    [Fact]
    public async Task A_failure_to_mix_leaves_the_forest_and_no_directory()
    {
        var remix = new FakeRemix((_, _) => throw new BtxException("no room for it"));
        await using var f = Fixture(served, btx, remix);
        Assert.Equal("no room for it", (await Assert.ThrowsAsync<BtxException>(() => f.Remove("beta"))).Message);
        Assert.False(Directory.Exists(Path.Combine(f.Served, "mixtures")));
        Assert.Equal(3, f.Registry.Engine.Describe().Experts.Count);
        await AssertAnswers(f, true);
    }

    [Fact]
    public async Task A_start_with_a_model_that_holds_a_removed_expert_does_not_serve_it()
    {
        await using var f = Fixture(served, btx, null);
        var moe = f.Engine.Moe;
        f.Engine = f.Engine with { Moe = null };
        await f.Remove("gamma");
        f.Engine = f.Engine with { Moe = moe };
        await f.Restart();
        await AssertAnswers(f, false);
        Assert.Contains("it holds expert \"gamma\", which was taken out of the forest", Assert.Single(f.Reports), StringComparison.Ordinal);
    }

    private sealed class FakeRemix(Action<string, string[]> make) : IMoeRemix
    {
        public bool Statistics { get; set; }

        public string? Obstacle(ForestState after, string presentMoe, ExpertAddition? added) => added is null || Statistics ? null
            : "no statistics";

        public Task<string> MixAsync(ForestState after, string presentMoe, string output, ExpertAddition? added,
            IProgress<ChangeProgress>? progress, CancellationToken cancellation)
        {
            Assert.True(File.Exists(Path.Combine(presentMoe, ServedMoeManifest.FileName)));
            make(output, [.. after.Ready.Select(e => e.Name).Concat(["seed", "x", "y"]).Take(4)]);
            return Task.FromResult(output);
        }
    }
}
