using Btx.LoadTests.Records;
using Btx.LoadTests.Report;
using Btx.Cli.Tests.Charts;
using Btx.LoadTests.Tests.Costs;

namespace Btx.LoadTests.Tests.Report;

/// <summary>Findings and tables of single sections.</summary>
public sealed class SectionTests
{
    [Fact]
    public void Where_a_line_breaks_its_table_holds_the_line_that_the_deviations_are_from()
    {
        PointResult[] points = [.. new[] { 0.005, 0.008, 0.011, 0.018 }.SelectMany((
            s, i) => Enumerable.Range(0, 3).Select(r => Planted.Point(Planted.Closed("top_k", i + 1), s * (1 + (0.004 * (r - 1))), r)))];
        var section = CostSections.Lines(ReportModel.Of(new("planted") { Points = points }, null, []));
        var rows = Assert.Single(section.Figures).Table.Rows;
        Assert.Equal(("14", "28.6 %", "yes"), (rows[3][3], rows[3][4], rows[3][5]));
        Assert.All(rows, r =>
            Assert.Equal((Picture.Number(r[2].Split(' ')[0]) / Picture.Number(r[3])) - 1, Picture.Number(r[4].Split(' ')[0]) / 100, 0.005));
        Assert.EndsWith(", through k = 1, 2, 3, without k = 4, which it does not hold for.", Assert.Single(section.Findings),
            StringComparison.Ordinal);
        Assert.StartsWith("k = 1, 2, 3: ", section.Tables[0].Rows[0][^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_k_of_two_modes_stands_with_the_modes_name_where_one_of_them_breaks_a_line()
    {
        PointResult[] points = [.. new[] { ("top_k", 1, 0.005), ("top_k", 2, 0.008), ("top_k", 3, 0.011), ("top_k", 4, 0.014),
            ("ensemble", 4, 0.02) }.Select(p => Planted.Point(Planted.Closed(p.Item1, p.Item2), p.Item3))];
        Assert.EndsWith(", through k = 1, 2, 3, 4 (top_k), without k = 4 (ensemble), which it does not hold for.",
            Assert.Single(CostSections.Lines(ReportModel.Of(new("planted") { Points = points }, null, [])).Findings),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_worst_gap_of_a_change_stands_beside_the_worst_gaps_without_one()
    {
        double[] worst = [0.01, 0.02, 0.106, 0.03];
        var change = new ChangeTimeline(Expert: "german", Requests: 9, Failed: 0, Changes: [new("add", "german", 0.5, 0.75, [])],
            Windows: [.. worst.Select((w, i) => new ChangeTimeline.Window(0.25 * i, 0.25 * (i + 1), 4e-7, w / 2, w, 1000, 0))]);
        Assert.Equal(
            "add german: the call took 250 ms; the worst gap between two tokens meanwhile was 106 ms; without a change the worst of a "
                + "window of 250 ms was 20 ms in the median, 30 ms at most.",
            LoadSections.Changes(new ReportModel(new RunFiles("planted") { Change = change })).Findings[1]);
    }

    [Fact]
    public void Several_k_of_the_same_quality_are_named()
    {
        var table = Planted.Quality(("top_k:k=10@fp32", 2.1), ("top_k:k=2@fp32", 2.1), ("top_k:k=3@fp32", 2.0), ("top_k:k=2@int8", 2.1),
            ("moe:k=1@fp32", 2.2), ("moe:k=2@fp32", 2.19), ("ensemble@fp32", 2.0));
        var findings = RunSections.Quality(new ReportModel(new RunFiles("planted") { Quality = table })).Findings;
        Assert.StartsWith("top_k with k = 2, 10 (fp32) has the same quality in every domain:",
            Assert.Single(findings, f => f.Contains("same quality", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RunDirectory.Description, "there is no loadtest.json")]
    [InlineData(RunDirectory.Points, "points.jsonl is missing or empty")]
    [InlineData(RunDirectory.Quality, "there is no quality.json")]
    [InlineData(RunDirectory.Change, "there is no change.json")]
    [InlineData(RunDirectory.CeilingFile, "there is no ceiling.json")]
    public void A_damaged_part_is_never_said_to_be_absent(string file, string absent)
    {
        using var run = SyntheticRun.Whole();
        string Report() => HtmlPage.Of(ReportPage.Of(ReportModel.Of(RunFiles.Read(run.Directory), null, [2])));
        File.WriteAllText(Path.Combine(run.Directory, file), "{\"points\": [1, 2\n{\n");
        var damaged = Report();
        Assert.DoesNotContain(absent, damaged, StringComparison.Ordinal);
        Assert.Contains($"{file} is there and cannot be read", damaged, StringComparison.Ordinal);
        run.Delete(file);
        Assert.Contains(absent, Report(), StringComparison.Ordinal);
    }
}
