using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;
using Btx.LoadTests.Tests.Comparing;

namespace Btx.LoadTests.Tests.Costs;

public sealed class FrontierTests
{
    private static readonly QualityTable Quality =
        Planted.Quality(("top_k:k=1@fp32", 2.10), ("top_k:k=2@fp32", 2.01), ("top_k:k=3@fp32", 2.00), ("ensemble@fp32", 2.0),
        ("average@fp32", 2.6), ("moe:k=2@fp32", 2.2));

    private static PointResult[] Points(double scatter, double k3 = 0.009) =>
    [
        .. new[] { ("top_k", 1, 0.003), ("top_k", 2, 0.006), ("top_k", 3, k3), ("ensemble", 4, 0.012), ("average", 1, 0.0031),
            ("moe", 2, 0.002) }
            .SelectMany(p => Enumerable.Range(0, 3).Select(r =>
            Planted.Point(Planted.Closed(p.Item1, p.Item2), p.Item3 * (1 + (scatter * (r - 1))), r, share: p.Item3 < 0.007 ? 1 : 0.4))),
    ];

    [Fact]
    public void What_is_beaten_in_cost_and_quality_is_not_on_it()
    {
        var frontier = Assert.Single(CostModel.Analyse(Points(0.01), Quality, new()).Frontiers);
        Assert.Equal("seconds_per_token", frontier.Cost);
        Assert.Equal(["moe-k2-c1-fp32", "top_k-k1-c1-fp32", "top_k-k2-c1-fp32", "top_k-k3-c1-fp32"],
            frontier.Points.Where(p => p.OnFrontier).Select(p => p.Name));
        Assert.Equal(["bible", "german"], frontier.Domains);
        Assert.All(frontier.Points, p => Assert.Equal(p.OnFrontier, p.OnFrontierOf.Count == 2));
        Assert.Equal(6, frontier.Points[0].Perplexity!.Value, 1e-9);
    }

    [Fact]
    public void The_cheapest_within_some_per_cent_of_the_ensemble()
    {
        var analysis = CostModel.Analyse(Points(0.01), Quality, new() { WithinPercent = [1, 11, 0.01] });
        Assert.Equal(["top_k-k2-c1-fp32", "moe-k2-c1-fp32", "top_k-k3-c1-fp32"], analysis.Recommendations.Select(r => r.Point));
        var first = analysis.Recommendations[0];
        Assert.Equal(("top_k", 2, "top_k-k3-c1-fp32", false), (first.Mode, first.K, first.RunnerUp, first.WithinNoise));
        Assert.Equal((0.5, 0.005, 2.01), (Math.Round(first.OfEnsemblesCost!.Value, 9), Math.Round(first.Loss!.Value, 9),
            Math.Round(first.BitsPerByte!.Value, 9)));
        Assert.Equal("concurrency 1: top_k-k2-c1-fp32 costs least within 1 % of the full ensemble's quality", first.Sentence);
    }

    [Fact]
    public void A_mode_that_must_be_told_the_domain_is_named_not_recommended()
    {
        var quality = Planted.Quality(("top_k:k=2@fp32", 2.01), ("ensemble@fp32", 2.0), ("expert@fp32", 1.99));
        PointResult[] points = [.. new[] { ("top_k", 2, 0.006), ("ensemble", 4, 0.012),
            ("expert", 1, 0.003) }.Select(p => Planted.Point(Planted.Closed(p.Item1, p.Item2), p.Item3, share: 1))];
        var all = CostModel.Analyse(points, quality, new() { WithinPercent = [1], Objective = new(null, 0.5, null) }).Recommendations;
        var within = Assert.Single(all, r => r.Kind == Recommendation.WithinEnsemble);
        Assert.Equal("top_k", within.Mode);
        Assert.Equal("expert-c1-fp32", within.Told);
        Assert.Equal("ensemble", Assert.Single(all, r => r.Kind == Recommendation.ForObjective).Mode);
    }

    [Fact]
    public void A_runner_up_within_the_noise_is_called_so()
    {
        var first = CostModel.Analyse(Points(0.05, k3: 0.0061), Quality, new()).Recommendations[0];
        Assert.True(first.WithinNoise);
        Assert.False(CostModel.Analyse(Points(0.001, k3: 0.0061), Quality, new()).Recommendations[0].WithinNoise);
    }

    [Fact]
    public void Nothing_within_says_what_is_nearest()
    {
        PointResult[] points = [.. Points(0.01).Where(p => p.Settings.Mode is "moe" or "average")];
        var only = Assert.Single(CostModel.Analyse(points, Quality, new()).Recommendations);
        Assert.Null(only.Point);
        Assert.EndsWith("the nearest is moe-k2-c1-fp32, 10 % more", only.Sentence);
    }

    [Fact]
    public void Without_quality_there_is_a_note_instead()
    {
        var none = CostModel.Analyse(Points(0.01), null, new());
        Assert.Empty(none.Frontiers);
        Assert.Contains("no quality: no frontier", none.Notes);
        var some = CostModel.Analyse(Points(0.01), Planted.Quality(("moe:k=2@fp32", 2.2)), new());
        Assert.Contains(some.Notes,
            n => n.StartsWith("no quality is known for average@fp32, ensemble@fp32, top_k:k=1@fp32", StringComparison.Ordinal));
        Assert.Contains(some.Notes, n => n.StartsWith("the quality of the full ensemble is not known", StringComparison.Ordinal));
    }

    [Fact]
    public void The_objective_gets_the_best_quality_that_meets_it()
    {
        var objective = new ServiceObjective(null, 0.007, null);
        var best = Assert.Single(CostModel.Analyse(Points(0.001), Quality,
            new() { Objective = objective, WithinPercent = [] }).Recommendations);
        Assert.Equal((Recommendation.ForObjective, "top_k-k2-c1-fp32", "top_k-k1-c1-fp32"), (best.Kind, best.Point, best.RunnerUp));
        Assert.Contains("time between tokens ≤ 7 ms for 99 % of requests", best.Sentence);
    }

    [Fact]
    public void An_objective_that_nothing_meets_names_the_nearest_and_what_it_misses()
    {
        PointResult[] points = [.. Points(0.001).Where(p => p.Settings.Mode is "ensemble")];
        var none = Assert.Single(CostModel.Analyse(points, Quality,
            new() { Objective = new ServiceObjective(null, 0.007, null), WithinPercent = [] }).Recommendations);
        Assert.Null(none.Point);
        Assert.Equal(
            "any load that was measured: nothing meets the objective (time between tokens ≤ 7 ms for 99 % of requests); the nearest is "
                + "ensemble-c1-fp32 with 40 % of requests, "
            + "59 points short: p99 of the time between tokens is 24 ms against 7 ms", none.Sentence);
    }

    [Fact]
    public void An_analysis_comes_back_from_its_file()
    {
        var path = Path.Combine(Path.GetTempPath(), $"btx-fits-{Guid.NewGuid():N}.json");
        try
        {
            var analysis = CostModel.Analyse(Points(0.01), Quality, new() { Objective = new ServiceObjective(null, 0.007, null) });
            RunJson.Write(path, analysis);
            var read = RunJson.Read<CostAnalysis>(path);
            Assert.Equivalent(analysis, read, strict: true);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Another_objective_than_the_runs_own_is_counted_from_the_request_records()
    {
        var objective = new ServiceObjective(0.81, null, null);
        var request = new RequestRecord(Index: 0, Due: 1, Sent: 1.5, FirstToken: 1.8, End: 2.4, Domain: "bible",
            Status: "ok")
        { Gaps = [0.1f, 0.2f] };
        using var run = new PlantedRun(Points(0.01));
        var settings = Planted.Closed("top_k", 2);
        Directory.CreateDirectory(run.At(RunDirectory.Requests));
        RunJson.WriteText(Path.Combine(run.At(RunDirectory.Requests), $"{settings.Name}-r0.jsonl"),
            string.Concat(new[] { request, request with { FirstToken = 1.9 }, request with { Status = "timeout" }, request,
                request with { WarmUp = true, FirstToken = 9 } }
                .Select(r => System.Text.Json.JsonSerializer.Serialize(r, RunJson.Line) + "\n")));
        Assert.Equal(0.5, new RunFiles(run.Path).ShareFromRecords(objective)(Planted.Point(settings, 1)));
        Assert.Null(new RunFiles(run.Path).ShareFromRecords(objective)(Planted.Point(settings, 1, repeat: 1)));
        var advice = MeasuredRun.Load(run.Path)
            .Analyse(new() { Objective = objective }).Recommendations.First(r => r.Kind == Recommendation.ForObjective);
        Assert.Contains("top_k-k2-c1-fp32 with 50 % of requests, 49 points short", advice.Sentence);
    }
}
