using Btx.LoadTests.Comparing;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;
using Btx.LoadTests.Tests.Costs;

namespace Btx.LoadTests.Tests.Comparing;

public sealed class RunComparerTests
{
    private static RunComparison Compare(IEnumerable<PointResult> first, IEnumerable<PointResult> second, RunDescription? other = null,
        QualityTable? quality = null, QualityTable? otherQuality = null)
    {
        using var a = new PlantedRun(first, quality: quality);
        using var b = new PlantedRun(second, other, otherQuality);
        return RunComparer.Compare(MeasuredRun.Load(a.Path), MeasuredRun.Load(b.Path));
    }

    [Fact]
    public void A_run_and_itself_are_the_same()
    {
        var comparison = Compare(PlantedRun.Grid(1), PlantedRun.Grid(1));
        Assert.Equal((0, 0), (comparison.Count(Verdict.Worse), comparison.Count(Verdict.Better)));
        Assert.Empty(comparison.Caveats);
        Assert.All(comparison.Changes, c => Assert.Equal(1, c.P));
        Assert.Contains(comparison.Changes, c => c.Verdict == Verdict.Same);
    }

    [Fact]
    public void Noise_alone_gives_no_finding_in_nineteen_of_twenty_pairs()
    {
        var findings = Enumerable.Range(0, 60).Count(i =>
        {
            var comparison = Compare(PlantedRun.Grid(2 * i), PlantedRun.Grid((2 * i) + 1));
            return comparison.Count(Verdict.Worse) + comparison.Count(Verdict.Better) > 0;
        });
        Assert.InRange(findings, 0, 6);
    }

    [Fact]
    public void A_planted_change_is_found_where_it_is_and_nowhere_else()
    {
        var comparison = Compare(PlantedRun.Grid(1), PlantedRun.Grid(2, k => k == 3 ? 1.15 : 1));
        Assert.Equal(["top_k-k3-c1-fp32"], comparison.Changes.Where(c =>
            c.Verdict == Verdict.Worse && c.Of.StartsWith("top_k", StringComparison.Ordinal)).Select(c => c.Of).Distinct());
        var gap = comparison.Changes.Single(c => c.Of == "top_k-k3-c1-fp32" && c.Metric == "inter_token");
        Assert.InRange(1.15, gap.Ratio!.Low!.Value, gap.Ratio.High!.Value);
        Assert.True(gap.AdjustedP >= gap.P && gap.AdjustedP < 0.05);
        Assert.Null(gap.RankP);
        var throughput = comparison.Changes.Single(c => c.Of == gap.Of && c.Metric == "tokens_per_second");
        Assert.Equal((Verdict.Worse, true), (throughput.Verdict, throughput.Ratio!.Value < 0.9));
        Assert.Equal(Verdict.Better, Compare(PlantedRun.Grid(2, k => k == 3 ? 1.15 : 1),
            PlantedRun.Grid(1)).Changes.Single(c => c.Of == gap.Of && c.Metric == "inter_token").Verdict);
    }

    [Fact]
    public void A_steeper_line_is_found_in_its_slope()
    {
        var comparison = Compare(PlantedRun.Grid(1, noise: 0.003),
            PlantedRun.Grid(2, k => (0.002 + (0.0036 * k)) / (0.002 + (0.003 * k)), noise: 0.003));
        var slope = comparison.Changes.Single(c => c.Metric == "b" && c.Of.EndsWith("inter_token", StringComparison.Ordinal));
        Assert.Equal(Verdict.Worse, slope.Verdict);
        Assert.InRange(1.2, slope.Ratio!.Low!.Value, slope.Ratio.High!.Value);
        Assert.NotEqual(Verdict.Worse, comparison.Changes.Single(c => c.Metric == "a" && c.Of == slope.Of).Verdict);
    }

    [Fact]
    public void Measured_once_nothing_can_be_told()
    {
        var comparison = Compare(PlantedRun.Grid(1, repeats: 1), PlantedRun.Grid(2, _ => 3, repeats: 1));
        Assert.All(comparison.Changes.Where(c => c.Of.StartsWith("top_k", StringComparison.Ordinal)),
            c => Assert.Equal((null, Verdict.CannotTell), (c.P, c.Verdict)));
        Assert.Contains(ComparisonReport.Lines(comparison, false), l =>
            l.StartsWith("no point was measured twice", StringComparison.Ordinal) || l.StartsWith("p: Student", StringComparison.Ordinal));
    }

    [Fact]
    public void Noise_too_large_for_the_repeats_cannot_tell()
    {
        var comparison = Compare(PlantedRun.Grid(1, noise: 0.4), PlantedRun.Grid(2, noise: 0.4));
        Assert.True(comparison.Count(Verdict.CannotTell) > comparison.Count(Verdict.Same));
    }

    [Fact]
    public void Failures_are_found()
    {
        var failed = Compare(PlantedRun.Grid(1), PlantedRun.Grid(2, failed: 30)).Changes.Where(c => c.Metric == "failed")
            .ToDictionary(c => c.Of);
        Assert.Equal(Verdict.Worse, failed["top_k-k4-c1-fp32"].Verdict);
        Assert.Null(failed["top_k-k4-c1-fp32"].Ratio);
        Assert.Equal(Verdict.Same, failed["top_k-k1-c1-fp32"].Verdict);
    }

    [Fact]
    public void With_four_repeats_there_is_a_rank_test_beside()
    {
        var gap = Compare(PlantedRun.Grid(1, repeats: 4),
            PlantedRun.Grid(2, _ => 1.2, repeats: 4)).Changes.First(c => c.Metric == "inter_token");
        Assert.Equal(2 / 70.0, gap.RankP!.Value, 1e-12);
    }

    [Fact]
    public void What_else_is_not_the_same_is_said_first()
    {
        var other = PlantedRun.Described with
        {
            Version = "1.1",
            Seed = 2,
            Machine = PlantedRun.Described.Machine with { Cores = 8, LoadAverage = 3 },
            Load = PlantedRun.Described.Load with { OutputTokens = "64" },
            Objective = new ServiceObjective(1, null, null),
        };
        var comparison = Compare(PlantedRun.Grid(1),
            PlantedRun.Grid(2, _ => 1.3).Append(Planted.Point(Planted.Closed("moe", 1), 1, experts: 8)), other);
        string[] begins = ["another machine: cores 2 and 8", "another version: 1.0 and 1.1", "another load: output tokens 32 and 64",
            "another objective", "another seed", "the machine was busier", "another forest: experts 4 and 4/8",
            "the reference point top_k-k2-c1-fp32 takes"];
        Assert.Equal(begins.Length, comparison.Caveats.Count);
        Assert.All(begins.Zip(comparison.Caveats), pair => Assert.StartsWith(pair.First, pair.Second));
        Assert.Equal(["moe-k1-c1-fp32"], comparison.OnlyInSecond);
        var lines = ComparisonReport.Lines(comparison, all: false).ToArray();
        Assert.StartsWith("note: another machine", lines[2]);
        Assert.Contains(lines, l => l.StartsWith("worse  top_k-k1-c1-fp32", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, l => l.StartsWith("cannot tell", StringComparison.Ordinal));
        Assert.Equal(comparison.Changes.Count,
            ComparisonReport.Lines(comparison, all: true).SkipWhile(l => l.Length > 0).Skip(2).TakeWhile(l => l.Length > 0).Count());
    }

    [Fact]
    public void Quality_has_no_noise()
    {
        var changes = Compare(PlantedRun.Grid(1), PlantedRun.Grid(1), null, Planted.Quality(("top_k:k=1@fp32", 2), ("ensemble@fp32", 2)),
            Planted.Quality(("top_k:k=1@fp32", 2.01), ("ensemble@fp32", 2.0001)))
            .Changes.Where(c => c.Unit == "bits/byte").ToArray();
        Assert.Equal([Verdict.Same, Verdict.Same, Verdict.Worse, Verdict.Worse], changes.Select(c => c.Verdict));
        Assert.Equal("bits per byte of bible", changes[0].Metric);
        Assert.All(changes, c => Assert.Null(c.P));
        var other = Compare(PlantedRun.Grid(1), PlantedRun.Grid(1), null, Planted.Quality(("ensemble@fp32", 2)),
            Planted.Quality(("ensemble@fp32", 3)) with { Source = "another text" });
        Assert.StartsWith("quality of other text", Assert.Single(other.Caveats));
        Assert.All(other.Changes.Where(c => c.Unit == "bits/byte"), c => Assert.Equal(Verdict.CannotTell, c.Verdict));
    }

    [Fact]
    public void Runs_without_a_setting_in_common_and_metrics_that_are_not_there_are_refused()
    {
        var message = Assert.Throws<LoadTestException>(() =>
            Compare(PlantedRun.Grid(1), [Planted.Point(Planted.Closed("moe", 1), 1)])).Message;
        Assert.Contains("no settings in common: top_k-k1-c1-fp32, top_k-k2-c1-fp32, top_k-k3-c1-fp32, … against moe-k1-c1-fp32", message);
        using var run = new PlantedRun(PlantedRun.Grid(1));
        var loaded = MeasuredRun.Load(run.Path);
        Assert.StartsWith("--metrics: there is no \"speed\"; there are inter_token, ",
            Assert.Throws<LoadTestException>(() => RunComparer.Compare(loaded, loaded, 0.02, ["speed"])).Message);
        Assert.All(RunComparer.Compare(loaded, loaded, 0.02, ["inter_token"]).Changes.Where(c =>
            c.Of.StartsWith("top_k", StringComparison.Ordinal)), c => Assert.Equal("inter_token", c.Metric));
    }
}
