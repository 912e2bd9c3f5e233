using Btx.LoadTests.Records;
using Btx.LoadTests.Report;
using Btx.LoadTests.Tests.Costs;

namespace Btx.LoadTests.Tests.Report;

/// <summary>What stands before the first section: how sure the answer is.</summary>
public sealed class FirstScreenTests
{
    private static (string Html, string Markdown) First(ReportPage page)
    {
        var (html, markdown) = (HtmlPage.Of(page), MarkdownPage.Of(page));
        return (html[..html.IndexOf("<h2", StringComparison.Ordinal)],
            markdown[..markdown.IndexOf("\n## ", StringComparison.Ordinal)]);
    }

    private static ReportPage Page(SyntheticRun run) => ReportPage.Of(ReportModel.Of(RunFiles.Read(run.Directory), null, [2]));

    private static ReportPage Page(PointResult[] points) =>
        ReportPage.Of(ReportModel.Of(new("planted") { Points = points, Quality = UndecidedTests.Quality }, null, [1]));

    [Theory]
    [InlineData("./btx loadtest sweep --quick --forest served --corpus corpus --out run", true)]
    [InlineData("./btx loadtest sweep --forest served --corpus corpus --out run--quick", false)]
    public void It_has_the_noise_and_says_whether_the_run_was_a_quick_one(string command, bool quick)
    {
        using var run = SyntheticRun.Whole();
        run.Write(RunDirectory.Description, SyntheticRun.Description() with { Command = command });
        var (html, markdown) = First(Page(run));
        Assert.Equal(quick, html.Contains("A run with <code>--quick</code>", StringComparison.Ordinal));
        Assert.Equal(quick, markdown.Contains("A run with `--quick`", StringComparison.Ordinal));
        Assert.Matches("Noise: the same settings measured again differ by [0-9.]+ % .*from the reference point", html);
        Assert.Contains("Noise: the same settings measured again differ by", markdown, StringComparison.Ordinal);
    }

    [Fact]
    public void Noise_that_is_not_known_is_said()
    {
        using var run = new SyntheticRun();
        run.Closed("top_k", 2, 4, 0);
        run.WritePoints();
        Assert.Contains("Noise: not known", First(Page(run)).Html, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_the_ensembles_quality_that_is_what_is_missing()
    {
        PointResult[] points = [.. UndecidedTests.Points(0.2).Where(p => p.Settings.Mode == "top_k")];
        var quality = UndecidedTests.Quality with
        {
            BitsPerByte = UndecidedTests.Quality.BitsPerByte.Where(q =>
            q.Key.StartsWith("top_k", StringComparison.Ordinal)).ToDictionary()
        };
        var page = ReportPage.Of(ReportModel.Of(new("planted") { Points = points, Quality = quality }, null, [1]));
        Assert.StartsWith("No recommendation. The quality of the full ensemble, which others are held against, is not known",
            page.Headline.Answer, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_cannot_tell_says_so_and_names_the_fewest_experts()
    {
        var headline = Page(UndecidedTests.Points(0.2)).Headline;
        Assert.Equal(
            "This run cannot tell what costs least within 1 % of the full ensemble's quality, with 1 in flight: all 4 settings that "
                + "qualify cost alike beside its noise. "
            + "The cheap, safe choice among them runs the fewest experts: top_k, k = 1.", headline.Answer);
        Assert.Contains(headline.Facts.Rows, r => r[0] == "top_k, k = 1, 1 in flight");
        Assert.Contains(headline.Loads.Rows, r => r[2] == "top_k, k = 1" && r[^1] == "all 4 cost alike; the fewest experts");
        Assert.StartsWith("For the lowest cost within 1 % of the full ensemble's quality, run ensemble (all 4 experts), with",
            Page(UndecidedTests.Points(0.001)).Headline.Answer, StringComparison.Ordinal);
    }
}
