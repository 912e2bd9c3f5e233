using System.CommandLine;
using Btx.LoadTests.Records;
using Btx.LoadTests.Tests.Report;
using Btx.LoadTests.Verbs;

namespace Btx.LoadTests.Tests.Verbs;

public sealed class ReportVerbTests
{
    private static (int Exit, string Output, string Error) Invoke(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exit = ReportVerb.Create().Parse(arguments)
            .Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = output, Error = error });
        return (exit, output.ToString(), error.ToString());
    }

    [Fact]
    public void It_prints_the_answer_and_the_paths_of_what_it_wrote()
    {
        using var run = SyntheticRun.Whole();
        var (exit, output, error) = Invoke(run.Directory);
        Assert.Equal((0, ""), (exit, error));
        Assert.Contains("run top_k, k = 3", output, StringComparison.Ordinal);
        foreach (var file in new[] { RunDirectory.Fits, RunDirectory.Page, RunDirectory.Markdown })
        {
            Assert.Contains(Path.Combine(run.Directory, file), output, StringComparison.Ordinal);
            Assert.True(File.Exists(Path.Combine(run.Directory, file)));
        }
    }

    [Fact]
    public void Json_in_place_of_the_text_is_the_fits()
    {
        using var run = SyntheticRun.Whole();
        Assert.Equal(0, Invoke(run.Directory, "--json", Path.Combine(run.Directory, "copy.json")).Exit);
        Assert.Equal(run.Text(RunDirectory.Fits), run.Text("copy.json"));
        Assert.Equal(run.Text(RunDirectory.Fits), Invoke(run.Directory, "--json", "-").Output);
    }

    [Fact]
    public void A_wider_margin_recommends_what_is_cheaper()
    {
        using var run = SyntheticRun.Whole();
        Assert.Contains("within 20 % of the full ensemble's quality, run moe, k = 1", Invoke(run.Directory, "--within", "20").Output,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--within", "two", "--within two")]
    [InlineData("--within", "-1", "--within -1")]
    [InlineData("--objective", "speed=9", "--objective speed=9")]
    public void A_bad_value_is_named(string option, string value, string words)
    {
        using var run = SyntheticRun.Whole();
        Assert.Contains(words, Assert.Throws<LoadTestException>(() => Invoke(run.Directory, option, value)).Message,
            StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(run.Directory, RunDirectory.Page)));
    }

    [Fact]
    public void A_damaged_line_costs_no_other_point()
    {
        using var run = SyntheticRun.Whole();
        var lines = run.Text(RunDirectory.Points).TrimEnd('\n').Split('\n');
        lines[3] = lines[3][..60];
        File.WriteAllText(Path.Combine(run.Directory, RunDirectory.Points), string.Join('\n', lines) + "\n");
        var (exit, output, error) = Invoke(run.Directory);
        Assert.Equal(0, exit);
        Assert.StartsWith($"left out: {Path.Combine(run.Directory, RunDirectory.Points)}, line 4 cannot be read",
            Assert.Single(error.TrimEnd('\n').Split('\n')), StringComparison.Ordinal);
        Assert.DoesNotContain("No recommendation", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Records_of_a_load_that_was_killed_are_mentioned()
    {
        using var run = new SyntheticRun();
        run.Write(RunDirectory.Description, SyntheticRun.Description());
        Directory.CreateDirectory(Path.Combine(run.Directory, RunDirectory.Requests));
        File.WriteAllText(Path.Combine(run.Directory, RunDirectory.Requests, "ensemble-c4-fp32-r0.jsonl"), "{}\n{}\n{\"ind");
        Assert.Contains("ensemble-c4-fp32-r0.jsonl holds 2 requests of a load that ended before its figures were written",
            Invoke(run.Directory).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_read_is_told_and_the_rest_is_reported()
    {
        using var run = SyntheticRun.Whole();
        File.WriteAllText(Path.Combine(run.Directory, RunDirectory.Change), "{");
        var (exit, _, error) = Invoke(run.Directory);
        Assert.Equal(0, exit);
        Assert.Contains(RunDirectory.Change, error, StringComparison.Ordinal);
    }
}
