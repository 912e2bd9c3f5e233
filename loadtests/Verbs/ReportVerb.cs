using Btx.LoadTests.Report;

namespace Btx.LoadTests.Verbs;

/// <summary><c>btx loadtest report RUN</c>.</summary>
internal static class ReportVerb
{
    private const string Text =
        """
        How many experts to run, with pictures: fits the cost models to a run's points, finds the frontier of cost and quality
        and recommends a mode and k. Writes fits.json, report.html (one file that needs nothing else), report.md and
        charts/*.svg into the run's directory. Whatever part of the run is missing, the rest is reported.

        Examples:
          btx loadtest report run
          btx loadtest report run --objective ttft=0.5,itl=0.05 --within 1,5
          btx loadtest report run --json -
        """;

    public static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = "directory that `btx loadtest sweep` or `run` wrote" };
        var objective = new Flag<string?>("--objective LIMITS", $"recommend for this, not the run's own: {ObjectiveCheck.Forms}");
        var within = new Flag<string>("--within PERCENT",
            "recommend the cheapest point within so many per cent of the full ensemble's bits per byte", "2");
        var json = new JsonFlag();
        var command = new Command("report", Text) { run, objective, within, json };
        command.SetAction(parsed =>
        {
            var directory = parsed.GetValue(run)!;
            var asked = parsed.GetValue(objective) is { } limits ? ObjectiveCheck.Read("--objective", limits) : null;
            var text = parsed.GetValue(within)!;
            double[] percents = [.. text.Split(',', StringSplitOptions.TrimEntries)
                .Select(p => double.TryParse(p, out var percent) && percent is >= 0 and <= 1000 ? percent
                : throw new LoadTestException($"--within {text}: \"{p}\"; expected per cent, such as 2 or 1,5"))];
            var page = ReportPage.Of(ReportModel.Of(RunFiles.Read(directory), asked, percents));
            json.Write(parsed, page.Model.Analysis, Lines(page,
                LoadTestException.Wrap($"{directory}: the report cannot be written", () => page.Write(directory))));
            foreach (var problem in page.Model.Faults) parsed.InvocationConfiguration.Error.WriteLine($"left out: {problem}");
            return 0;
        });
        return command;
    }

    private static IEnumerable<string> Lines(ReportPage page, IReadOnlyList<string> written)
    {
        yield return page.Headline.Answer;
        foreach (var reason in page.Headline.Reasons) yield return $"  {reason}";
        foreach (var path in written.Where(p => !p.EndsWith(".svg", StringComparison.Ordinal))) yield return path;
        if (page.Figures.Any()) yield return $"{Path.GetDirectoryName(written[^1])}: {Quantity.Count(page.Figures.Count(), "picture")}";
    }
}
