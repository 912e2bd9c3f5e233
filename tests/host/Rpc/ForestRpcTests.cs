using Btx.Engine;
using Btx.Model.Registry;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Rpc;

/// <summary>What the administration service answers, over a real channel.</summary>
public sealed class ForestRpcTests : IAsyncLifetime
{
    private static readonly V1.ChangeAuthor s_by = new() { Author = "ada", Reason = "a test" };
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Experts_are_listed_with_lineage_and_where_they_lie()
    {
        var list = await _server.Forest.ListExpertsAsync(new());
        Assert.Equal(["novels", "python", "german"], list.Experts.Select(e => e.Name));
        Assert.Equal([("novels", 0.75), ("python", 0.25)], list.Experts[2].Parents.Select(p => (p.Name, p.Weight)));
        Assert.Equal(("ready", "source", "experts/german", 2, 150_000L),
            (list.Experts[2].Status, list.Experts[2].Root, list.Experts[2].Path, list.Experts[2].Round, list.Experts[2].Tokens));
        Assert.Equal(0.5, list.Experts[0].Prior["novels"]);
        Assert.Equal((0, _server.Disk.State.Hash(), _server.Registry.KeyFingerprint),
            (list.Revision, list.StateSha256, list.KeyFingerprint));
        Assert.Equal([_server.Disk.Forest], list.ExpertRoots);
    }

    [Fact]
    public async Task One_expert_is_shown_with_what_is_in_it_and_what_it_is_in()
    {
        var german = await _server.Forest.ShowExpertAsync(new() { Name = "german" });
        Assert.Equal([("seed", 1), ("novels", 0.75), ("python", 0.25)], german.Ancestors.Select(s => (s.Name, s.Share)));
        Assert.Empty(german.Descendants);
        var novels = await _server.Forest.ShowExpertAsync(new() { Name = "novels" });
        Assert.Equal([("german", 0.75)], novels.Descendants.Select(s => (s.Name, s.Share)));
    }

    [Fact]
    public async Task A_removal_is_planned_made_certified_and_in_the_history()
    {
        var plan = await _server.Forest.PlanRemovalAsync(new() { Experts = { "python" }, Lineage = V1.LineagePolicy.Quarantine });
        Assert.Equal(["german"], plan.Quarantined);
        Assert.Equal([("novels", 0), ("german", 0.25)], plan.Residuals.Select(r => (r.Expert, r.Share)));
        var request = new RemoveExpertRequest
        {
            By = s_by,
            Experts = { "python" },
            Lineage = V1.LineagePolicy.Quarantine,
            InFlight = InFlight.Drain,
            Purge = true,
            DropMoe = true,
            Probe = "some text",
            ExpectedRevision = plan.Revision,
        };
        var updates = await _server.Forest.RemoveExpert(request).ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal([("validate", 1), ("build", 0.5), ("swap", 1)],
            updates.SkipLast(1).Select(u => (u.Progress.Phase, u.Progress.Fraction)));
        var result = updates[^1].Result;
        Assert.Equal(("c000001", "remove", "committed", 0L, 1L),
            (result.Change.Id, result.Change.Kind, result.Change.Outcome, result.Change.RevisionBefore, result.Change.RevisionAfter));
        Assert.Equal((2, 1, 1, 4096, 0.002),
            (result.Swap.Renormalised, result.Swap.Refilled, result.Swap.Ended, result.Swap.BytesReturned, result.Swap.PauseSeconds));
        Assert.Equal(["prepacked weights follow"], result.Notes);
        var asked = _server.Registry.LastRemoval!;
        Assert.Equal((Model.Registry.LineagePolicy.Quarantine, InFlightPolicy.Drain, true, true, "some text", 0L),
            (asked.Lineage, asked.InFlight, asked.Purge, asked.DropMoe, asked.Probe, asked.ExpectedRevision));

        var certificate = await _server.Forest.GetCertificateAsync(new() { ChangeId = "c000001" });
        Assert.Equal(result.Certificate, certificate.Certificate);
        Assert.True(CertificateVerifier.Verify(certificate.Certificate.Span, "c000001", _server.Registry.KeyFingerprint,
            _server.Disk.Served).Valid);
        var history = await _server.Forest.HistoryAsync(new());
        Assert.Equal(("c000001", "ada", "a test"), (history.Changes[0].Id, history.Changes[0].Author, history.Changes[0].Reason));
        var list = await _server.Forest.ListExpertsAsync(new());
        Assert.Equal([("novels", "ready"), ("german", "quarantined")], list.Experts.Select(e => (e.Name, e.Status)));
        Assert.Equal(("python", 1L), (list.Absent[^1].Name, list.Absent[^1].RemovedIn));
    }

    [Fact]
    public async Task An_addition_carries_all_that_is_known_and_is_rolled_back()
    {
        var request = new AddExpertRequest
        {
            By = s_by,
            Directory = "law",
            Name = "law",
            Domain = "contracts",
            Sha256 = SampleServed.Hash("x"),
            Parents =
                { new Parent { Name = "novels", Weight = 1 } },
            Samples = { ["contracts"] = "hereby" },
            RouterStatistics = "law/statistics",
        };
        var added = await Result(_server.Forest.AddExpert(request));
        Assert.Equal(("add", 1L), (added.Change.Kind, added.Change.RevisionAfter));
        Assert.True(added.Certificate.IsEmpty);
        var asked = _server.Registry.LastAddition!;
        Assert.Equal(("law", "law", "contracts", SampleServed.Hash("x"), "hereby", "law/statistics"),
            (asked.Directory, asked.Name, asked.Domain, asked.Sha256, asked.Samples["contracts"], asked.RouterStatistics));
        Assert.Equal("novels", Assert.Single(asked.Parents!).Name);
        var undone = await Result(_server.Forest.Rollback(new() { By = s_by }));
        Assert.Equal(("rollback", "c000001", 2L), (undone.Change.Kind, undone.Change.Undoes, undone.Change.RevisionAfter));
        Assert.Equal(3, _server.Registry.State.Experts.Count);
        Assert.Equal(["c000002"], (await _server.Forest.HistoryAsync(new() { Limit = 1 })).Changes.Select(c => c.Id));
    }

    [Fact]
    public async Task Averages_are_created_listed_and_dropped()
    {
        await Result(_server.Forest.CreateAverage(new() { By = s_by, Name = "prose", Weights = { ["novels"] = 3, ["german"] = 1 } }));
        await Result(_server.Forest.CreateAverage(new() { By = s_by, Name = "tales", Domain = "novels" }));
        await Result(_server.Forest.CreateAverage(new() { By = s_by, Name = "letters", Sample = "Dear Sir" }));
        Assert.Equal("Dear Sir", _server.Registry.LastAverage!.Sample);
        var averages = (await _server.Forest.ListAveragesAsync(new())).Averages;
        Assert.Equal(["prose", "tales", "letters"], averages.Select(a => a.Name));
        Assert.Equal((0.75, 0.25, 2), (averages[0].Weights["novels"], averages[0].Weights["german"], averages[0].Weights.Count));
        Assert.Equal(("novels", 0.5), (averages[1].Domain, averages[1].Weights["novels"]));
        Assert.Equal(["prose", "tales", "letters"], (await _server.Forest.ShowExpertAsync(new() { Name = "german" })).Averages);
        var dropped = await Result(_server.Forest.DropAverage(new() { By = s_by, Name = "prose" }));
        Assert.Equal("drop_average", dropped.Change.Kind);
    }

    [Fact]
    public async Task A_replay_recipe_is_a_script()
    {
        var recipe = await _server.Forest.ReplayRecipeAsync(new() { Experts = { "python" }, Corpus = "/corpus", SeedModel = "/seed" });
        Assert.Equal(["german"], recipe.Retrained);
        Assert.Equal(["novels"], recipe.Clean);
        Assert.StartsWith("#!/usr/bin/env bash\n", recipe.Script, StringComparison.Ordinal);
        Assert.Equal(("/corpus", "/seed"), _server.Registry.LastReplay);
        Assert.Empty((await _server.Forest.ReplayRecipeAsync(new() { Experts = { "german" } })).Script);
    }

    [Fact]
    public async Task A_watcher_sees_changes_from_its_call_on()
    {
        using var call = _server.Forest.Watch(new());
        await call.ResponseHeadersAsync;
        await Result(_server.Forest.CreateAverage(new() { By = s_by, Name = "prose", Domain = "novels" }));
        Assert.True(await call.ResponseStream.MoveNext(default));
        var begun = call.ResponseStream.Current;
        Assert.Equal((1, "build", "open", 0L), (begun.Number, begun.Phase, begun.Change.Outcome, begun.Revision));
        Assert.True(await call.ResponseStream.MoveNext(default));
        var committed = call.ResponseStream.Current;
        Assert.Equal((2, "", "committed", 1L), (committed.Number, committed.Phase, committed.Change.Outcome, committed.Revision));
        Assert.Equal(["novels", "python", "german"], committed.Experts);
    }

    [Fact]
    public async Task A_watcher_is_let_go_at_the_shutdown()
    {
        using var call = _server.Forest.Watch(new());
        await call.ResponseHeadersAsync;
        using var lines = await _server.Http.GetAsync("/v1/forest/events", HttpCompletionOption.ResponseHeadersRead);
        var stopping = _server.StopAsync();
        Assert.False(await call.ResponseStream.MoveNext(default));
        Assert.Empty(await lines.Content.ReadAsStringAsync());
        await stopping;
        Assert.Equal(0, _server.Registry.Watchers);
    }

    private static async Task<ChangeResult> Result(AsyncServerStreamingCall<ChangeUpdate> call) =>
        (await call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken)
        .ToListAsync(TestContext.Current.CancellationToken))[^1].Result;
}
