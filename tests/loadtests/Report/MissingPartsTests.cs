using System.Xml.Linq;
using Btx.LoadTests.Records;
using Btx.LoadTests.Report;

namespace Btx.LoadTests.Tests.Report;

/// <summary>Whatever part of a run is missing or damaged, the rest is reported, and the report says what is missing.</summary>
public sealed class MissingPartsTests
{
    private static ReportPage Page(string directory) => ReportPage.Of(ReportModel.Of(RunFiles.Read(directory), null, [2]));

    private static void Parses(ReportPage page)
    {
        var html = HtmlPage.Of(page);
        Assert.NotEmpty(XDocument.Parse(html[html.IndexOf('\n', StringComparison.Ordinal)..]).Descendants());
        Assert.NotEmpty(MarkdownPage.Of(page));
    }

    [Theory]
    [InlineData(RunDirectory.Description, "run", "loadtest.json")]
    [InlineData(RunDirectory.Points, "routing", "points.jsonl")]
    [InlineData(RunDirectory.Quality, "frontier", "--evaluation")]
    [InlineData(RunDirectory.Change, "change", "change.json")]
    [InlineData(RunDirectory.CeilingFile, "trust", "btx loadtest ceiling")]
    public void A_part_that_is_not_there_is_named_with_the_command_that_makes_it(string file, string section, string words)
    {
        using var run = SyntheticRun.Whole();
        run.Delete(file);
        var page = Page(run.Directory);
        Assert.Contains(page.Sections.Single(s => s.Id == section).Missing, m => m.Contains(words, StringComparison.Ordinal));
        Assert.Contains(page.Sections.Single(s => s.Id == "missing").Findings, m => m.Contains(words, StringComparison.Ordinal));
        Assert.NotEmpty(page.Figures);
        Parses(page);
    }

    [Theory]
    [InlineData(RunDirectory.Description)]
    [InlineData(RunDirectory.Points)]
    [InlineData(RunDirectory.Quality)]
    [InlineData(RunDirectory.Change)]
    [InlineData(RunDirectory.CeilingFile)]
    public void A_part_that_is_damaged_is_left_out_and_named(string file)
    {
        using var run = SyntheticRun.Whole();
        File.WriteAllText(Path.Combine(run.Directory, file), "{\"points\": [1, 2\n{\n");
        var page = Page(run.Directory);
        Assert.Contains(file, Assert.Single(page.Model.Faults), StringComparison.Ordinal);
        Assert.Contains(page.Model.Faults[0], page.Sections.Single(s => s.Id == "missing").Findings);
        Parses(page);
    }

    [Theory]
    [InlineData(RunDirectory.Description,
        """{"schema":1,"started":"2026-05-04T03:02:01+00:00","command":"x","machine":null,"version":"1","load":null,"seed":1}""")]
    [InlineData(RunDirectory.Quality, """{"source":"x","bits_per_byte":{"ensemble@fp32":null},"perplexity":null}""")]
    [InlineData(RunDirectory.Change, """{"expert":"x","changes":null,"windows":null,"requests":1,"failed":0}""")]
    [InlineData(RunDirectory.CeilingFile, "{}")]
    public void A_part_that_can_be_read_and_lacks_half_of_it_is_damaged(string file, string text)
    {
        using var run = SyntheticRun.Whole();
        File.WriteAllText(Path.Combine(run.Directory, file), text);
        var page = Page(run.Directory);
        Assert.StartsWith(Path.Combine(run.Directory, file), Assert.Single(page.Model.Faults), StringComparison.Ordinal);
        Assert.Equal([file], page.Model.Damaged);
        Parses(page);
    }

    [Fact]
    public void A_point_without_figures_is_left_out_and_its_line_named()
    {
        using var run = SyntheticRun.Whole();
        var lines = run.Text(RunDirectory.Points).Split('\n');
        lines[2] = lines[2].Replace("\"tokens_per_second\":", "\"tokens_per_second\":-", StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(run.Directory, RunDirectory.Points), string.Join('\n', lines));
        var page = Page(run.Directory);
        Assert.Contains("line 3", Assert.Single(page.Model.Faults), StringComparison.Ordinal);
        Assert.Equal(run.Points.Count - 1, page.Model.Points.Count);
    }

    [Theory]
    [InlineData(RunDirectory.Description)]
    [InlineData(RunDirectory.Points)]
    [InlineData(RunDirectory.Quality)]
    [InlineData(RunDirectory.Change)]
    [InlineData(RunDirectory.CeilingFile)]
    public void One_part_alone_makes_a_report(string file)
    {
        using var run = SyntheticRun.Whole();
        foreach (var other in Directory.GetFiles(run.Directory).Where(f => Path.GetFileName(f) != file)) File.Delete(other);
        Parses(Page(run.Directory));
    }

    [Fact]
    public void A_run_of_nothing_but_failures_says_so_and_why()
    {
        using var run = new SyntheticRun();
        for (var k = 1; k <= 3; k++) run.Failed("top_k", k, 0);
        run.WritePoints();
        run.Write(RunDirectory.Description, SyntheticRun.Description());
        run.Write(RunDirectory.Quality, SyntheticRun.Quality());
        var page = Page(run.Directory);
        Assert.StartsWith("No", page.Headline.Answer, StringComparison.Ordinal);
        Assert.Contains("21 of 21 requests failed: timeout 6, unreachable 15.", page.Sections.Single(s => s.Id == "failures").Findings[0],
            StringComparison.Ordinal);
        Assert.Contains(page.Sections.Single(s => s.Id == "routing").Missing,
            m => m.StartsWith("No request succeeded", StringComparison.Ordinal));
        Parses(page);
    }

    [Fact]
    public void One_point_makes_a_report()
    {
        using var run = new SyntheticRun();
        run.Closed("top_k", 2, 4, 0);
        run.WritePoints();
        var page = Page(run.Directory);
        Assert.StartsWith("No recommendation.", page.Headline.Answer, StringComparison.Ordinal);
        Assert.Single(page.Sections.Single(s => s.Id == "points").Tables[0].Rows);
        Parses(page);
    }

    [Fact]
    public void A_directory_without_a_run_is_refused()
    {
        var missing = Path.Combine(Path.GetTempPath(), $"btx-none-{Guid.NewGuid():N}");
        Assert.Contains(missing, Assert.Throws<LoadTestException>(() => RunFiles.Read(missing)).Message, StringComparison.Ordinal);
        using var run = new SyntheticRun();
        Assert.Contains(RunDirectory.Points, Assert.Throws<LoadTestException>(() => RunFiles.Read(run.Directory)).Message,
            StringComparison.Ordinal);
    }
}
