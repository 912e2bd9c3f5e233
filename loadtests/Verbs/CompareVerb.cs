using Btx.LoadTests.Comparing;

namespace Btx.LoadTests.Verbs;

/// <summary><c>btx loadtest compare A B</c>.</summary>
internal static class CompareVerb
{
    private const string Text =
        """
        What changed from one run to another: settings that both measured, fitted coefficients, quality. The repeat is the unit
        (requests of one run share its luck); a change counts as better or worse if it is significant after correction for all
        comparisons and larger than the tolerance. Another machine, version or load is said first. Ends with 0 whatever changed,
        unless --fail-on asks otherwise.

        Examples:
          btx loadtest compare runs/monday runs/tuesday
          btx loadtest compare runs/monday runs/tuesday --all --metrics inter_token,tokens_per_second
          btx loadtest compare baseline today --fail-on worse --json changes.json
        """;

    public static Command Create()
    {
        var first = new Argument<string>("A") { Description = "directory of the first run" };
        var second = new Argument<string>("B") { Description = "directory of the second run" };
        var all = new Flag<bool>("--all", "show what is the same and what cannot be told too");
        var metrics = new Flag<string?>("--metrics A,B", $"compare these only: {string.Join(", ", RunComparer.MetricNames)}");
        var tolerance = new Flag<double>("--tolerance PERCENT", "per cent of difference that does not matter", 2);
        var failOn = new Choice("--fail-on", [Verdict.Worse], "end with 1 if anything is worse");
        var json = new JsonFlag();
        var command = new Command("compare", Text) { first, second, all, metrics, tolerance, failOn, json };
        command.SetAction(parsed =>
        {
            var percent = parsed.GetValue(tolerance);
            if (!(percent >= 0 && percent < 100)) throw new LoadTestException($"--tolerance {percent}: expected 0 to below 100");
            var names = parsed.GetValue(metrics)?.Split(',', StringSplitOptions.TrimEntries);
            var (a, b) = (MeasuredRun.Load(parsed.GetValue(first)!), MeasuredRun.Load(parsed.GetValue(second)!));
            var comparison = RunComparer.Compare(a, b, percent / 100, names);
            json.Write(parsed, comparison, ComparisonReport.Lines(comparison, parsed.GetValue(all)));
            foreach (var problem in a.Faults.Concat(b.Faults)) parsed.InvocationConfiguration.Error.WriteLine($"left out: {problem}");
            return parsed.GetValue(failOn) is not null && comparison.Count(Verdict.Worse) > 0 ? 1 : 0;
        });
        return command;
    }
}
