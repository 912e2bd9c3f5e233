using System.Text.RegularExpressions;
using System.Xml.Linq;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;
using Btx.LoadTests.Report;
using Btx.Cli.Tests.Charts;

namespace Btx.LoadTests.Tests.Report;

public sealed partial class ReportPageTests
{
    private static ReportPage Page(SyntheticRun run, ServiceObjective? objective = null) =>
        ReportPage.Of(ReportModel.Of(RunFiles.Read(run.Directory), objective, [2]));

    /// <summary>The page is written so that it is XML too, except for the document type.</summary>
    private static XDocument Parse(string html) => XDocument.Parse(html[html.IndexOf('\n', StringComparison.Ordinal)..]);

    [Fact]
    public void A_whole_run_answers_on_the_first_screen_with_a_picture_and_lacks_nothing()
    {
        using var run = SyntheticRun.Whole();
        var page = Page(run);
        var within = page.Model.Analysis!.Recommendations.Single(r => r is { Kind: Recommendation.WithinEnsemble, Where: "concurrency 4" });
        Assert.Equal(("top_k", 3), (within.Mode, within.K));
        Assert.Contains("For the lowest cost within 2 % of the full ensemble's quality, run top_k, k = 3", page.Headline.Answer,
            StringComparison.Ordinal);
        Assert.Contains("within the objective, run ", page.Headline.Answer, StringComparison.Ordinal);
        Assert.Equal("Cost and quality at concurrency 4", page.Headline.Picture!.Title);
        Assert.All(page.Sections, s => Assert.Empty(s.Missing));
        var html = HtmlPage.Of(page);
        var first = html[..html.IndexOf("<h2", StringComparison.Ordinal)];
        Assert.Contains("run top_k, k = 3", first, StringComparison.Ordinal);
        Assert.Contains("<svg", first, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_picture_that_was_asked_for_is_there_once_and_stands_on_its_own()
    {
        using var run = SyntheticRun.Whole();
        var page = Page(run);
        string[] names = [.. page.Figures.Select(f => f.Name)];
        foreach (var name in new[] { "frontier-1", "throughput-k-1", "tails-k-1", "cost-1", "union-1", "union-cost-1", "loads-1", "load-1",
            "change", "change-1", "change-2", "quality", "peers", "noise" })
            Assert.Contains(name, names);
        Assert.Equal(names.Length, names.Distinct().Count());
        foreach (var figure in page.Figures)
        {
            var picture = new Picture(figure.Svg);
            Assert.NotEmpty(picture.Markers().Concat(picture.Kind("dots")));
            Assert.NotEmpty(picture.Texts("title-x"));
            Assert.NotEmpty(figure.Table.Rows);
            Assert.Matches(PictureName(), figure.Name);
        }

        var html = HtmlPage.Of(page);
        Assert.Equal(page.Figures.Count(), Parse(html).Descendants().Count(e => e.Name.LocalName == "svg"));
        var ids = Parse(html).Descendants().Attributes("id").Select(a => a.Value).ToArray();
        Assert.Equal(ids.Length, ids.Distinct().Count());
    }

    [Fact]
    public void The_knee_is_marked_and_so_are_the_changes()
    {
        using var run = SyntheticRun.Whole();
        var page = Page(run);
        var knee = page.Model.Analysis!.Curves.Single(c => c.Load == "open").Knee!;
        var load = new Picture(page.Figures.Single(f => f.Name == "load-1").Svg);
        Assert.StartsWith("knee: ", Assert.Single(load.Texts("mark")), StringComparison.Ordinal);
        Assert.All(load.Kind("mark", "line"),
            l => Assert.Equal(knee.Load, Picture.Read(load.TicksOf('x'), Picture.Coordinate(l, "x1"), false), 0.05));
        Assert.Equal(["remove german", "add german"], new Picture(page.Figures.Single(f => f.Name == "change").Svg).Texts("mark"));
        Assert.Equal(["validate", "build", "prime", "swap"], new Picture(page.Figures.Single(f => f.Name == "change-2").Svg).Texts("mark"));
    }

    [Fact]
    public void Medians_and_bands_are_drawn_as_they_were_measured()
    {
        using var run = SyntheticRun.Whole();
        var read = new Picture(Page(run).Figures.Single(f => f.Name == "throughput-k-1").Svg);
        var measured = run.Points.Where(p => p.Settings is { Mode: "top_k", Concurrency: 4 }).GroupBy(p => p.Settings.K).OrderBy(g => g.Key)
            .Select(g => g.Select(p => p.Summary.TokensPerSecond).Order().ToArray()).ToArray();
        var scale = read.TicksOf('y').TakeWhile((t, i) => i == 0 || t.Value > read.TicksOf('y')[i - 1].Value).ToArray();
        var drawn = read.Points("top_k, 4 in flight").Take(4).Select(p => Picture.Read(scale, p.Y, false));
        Assert.All(measured.Zip(drawn), p => Assert.Equal(1, p.Second / p.First[1], 0.01));
        var band = Picture.Corners(read.Bands("top_k, 4 in flight")[0]).Select(p => Picture.Read(scale, p.Y, false)).ToArray();
        Assert.All(measured.Zip(band), p => Assert.Equal(1, p.Second / p.First[2], 0.01));
        Assert.All(measured.Reverse().Zip(band.Skip(4)), p => Assert.Equal(1, p.Second / p.First[0], 0.01));
    }

    [Fact]
    public void A_report_is_the_same_twice_and_what_an_earlier_one_drew_does_not_stay()
    {
        using var run = SyntheticRun.Whole();
        var written = Page(run).Write(run.Directory);
        Assert.All([RunDirectory.Fits, RunDirectory.Page, RunDirectory.Markdown],
            f => Assert.Contains(Path.Combine(run.Directory, f), written));
        var first = written.ToDictionary(f => f, File.ReadAllText);
        var stray = Path.Combine(run.Directory, RunDirectory.Charts, "old.svg");
        File.WriteAllText(stray, "");
        Assert.Equal(written, Page(run).Write(run.Directory));
        Assert.All(first, f => Assert.Equal(f.Value, File.ReadAllText(f.Key)));
        Assert.False(File.Exists(stray));
        Assert.Equal(Page(run).Model.Analysis!.Lines.Count,
            RunJson.Read<CostAnalysis>(Path.Combine(run.Directory, RunDirectory.Fits)).Lines.Count);
    }

    [Fact]
    public void The_page_needs_nothing_from_outside_and_the_summary_links_to_pictures_that_are_there()
    {
        using var run = SyntheticRun.Whole();
        Page(run).Write(run.Directory);
        var html = Parse(run.Text(RunDirectory.Page));
        Assert.DoesNotContain(html.Descendants(), e => e.Name.LocalName is "script" or "link" or "img" or "iframe" or "object");
        Assert.DoesNotContain(html.Descendants().Attributes(),
            a => a.Name.LocalName is "src" or "onload" || (a.Name.LocalName == "href" && !a.Value.StartsWith('#')));
        Assert.DoesNotContain("url(", run.Text(RunDirectory.Page), StringComparison.Ordinal);
        var anchors = html.Descendants().Attributes("id").Select(a => "#" + a.Value).ToHashSet();
        Assert.All(html.Descendants().Attributes("href"), a => Assert.Contains(a.Value, anchors));
        var links = PictureLink().Matches(run.Text(RunDirectory.Markdown)).Select(m => m.Groups[1].Value).ToArray();
        Assert.Equal(Page(run).Figures.Count(), links.Distinct().Count());
        Assert.All(links, l => Assert.True(File.Exists(Path.Combine(run.Directory, l)), l));
    }

    [Fact]
    public void Peers_stand_as_ratios_of_the_right_pairs()
    {
        using var run = SyntheticRun.Whole();
        var rows = Page(run).Figures.Single(f => f.Name == "peers").Table.Rows;
        Assert.Equal(6, rows.Count);
        double Middle(string mode, int? k, int concurrency) => run.Points.Where(p => p.Settings.Mode == mode && p.Settings.K == k
            && p.Settings.Concurrency == concurrency).Select(p => p.Summary.TokensPerSecond).Order().ElementAt(1);
        var dense = rows.Single(r => r[0] == "moe, k = 2 / dense, 4 in flight");
        Assert.Equal(Middle("moe", 2, 4) / Middle("peer:dense", null, 4), Picture.Number(dense[1].Split(' ')[0]), 0.03);
        var genai = rows.Single(r => r[0] == "expert / genai, 1 in flight");
        Assert.Equal(Middle("expert", 1, 1) / Middle("peer:genai", null, 1), Picture.Number(genai[1].Split(' ')[0]), 0.03);
    }

    [Fact]
    public void A_peer_that_runs_one_expert_stands_beside_one_expert_by_name_where_that_was_measured()
    {
        using var run = SyntheticRun.Whole();
        for (var repeat = 0; repeat < 3; repeat++) run.Closed("expert:novels", 1, 4, repeat);
        run.WritePoints();
        var rows = Page(run).Figures.Single(f => f.Name == "peers").Table.Rows.Select(r => r[0]).ToArray();
        Assert.Contains("expert:novels / genai, 4 in flight", rows);
        Assert.Contains("expert / genai, 1 in flight", rows);
        Assert.DoesNotContain("expert / genai, 4 in flight", rows);
    }

    [Theory]
    [InlineData(0.02, false)]
    [InlineData(0.04, true)]
    public void An_objective_on_the_command_line_is_judged_by_the_request_records(double limit, bool met)
    {
        using var run = SyntheticRun.Whole();
        run.WriteRequests(firstToken: 0.03);
        var answer = Page(run, new ServiceObjective(limit, null, null)).Headline.Answer;
        Assert.StartsWith(met ? "For the best quality within the objective, run ensemble"
            : "Nothing that was measured meets the objective.", answer, StringComparison.Ordinal);
    }

    [Fact]
    public void An_objective_that_no_record_can_judge_is_told_as_such()
    {
        using var run = SyntheticRun.Whole();
        var page = Page(run, new ServiceObjective(0.02, null, null));
        Assert.DoesNotContain("objective", page.Headline.Answer, StringComparison.Ordinal);
        Assert.Contains(page.Sections.Single(s => s.Id == "missing").Findings, f => f.Contains("objective", StringComparison.Ordinal));
    }

    [GeneratedRegex(@"^[a-z0-9-]+$")]
    private static partial Regex PictureName();

    [GeneratedRegex(@"!\[.*?\]\((.*?)\)")]
    private static partial Regex PictureLink();
}
