using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Planning;

/// <summary>A plan and its check as text.</summary>
public static class PlanReport
{
    private const int DevicesShown = 8;

    public static IEnumerable<string> Lines(CapacityPlan plan)
    {
        var m = plan.Machine;
        yield return $"{plan.Load.RequestsPerSecond:0.###} requests/s of {plan.Load.PromptTokens:0.#} + {plan.Load.OutputTokens:0.#} "
            + $"tokens, {Wording.Model(plan.Routing.Mode, plan.Routing.K)}, on {m.Name}: "
            + $"{m.Devices} device{(m.Devices == 1 ? "" : "s")} of {Wording.Figures(m.Memory)} GiB and {Wording.Figures(m.Bandwidth)} GB/s";
        foreach (var forest in plan.Forests)
        {
            yield return "";
            yield return $"{forest.Experts} experts of {Gib(forest.BytesPerExpert)} ({Gib(forest.WeightBytesPerExpert)} of weights), "
                + $"{forest.ExpertsPerDevice} on a device";
            if (forest.Whole is { } w)
                yield return $"  whole:   {w.Replicas:#,##0} replica{S(w.Replicas)} of {w.DevicesPerReplica} "
                    + $"device{S(w.DevicesPerReplica)} on {w.Machines:#,##0} machine{S(w.Machines)}; batch {w.Batch}, "
                        + $"{Wording.Figures(w.Capacity)} requests/s each at most, "
                    + $"{Wording.Percent(w.Utilisation)} busy; first token {Wording.Seconds(w.TimeToFirstToken)} (the prompt alone "
                        + $"{Wording.Seconds(w.PromptSeconds)}), between tokens {Wording.Seconds(w.InterToken)}";
            if (forest.Sharded is { } s)
            {
                yield return $"  sharded: {s.Devices:#,##0} device{S(s.Devices)} on {s.Machines:#,##0} machine{S(s.Machines)}; "
                    + $"{Wording.Percent(s.MeanUtilisation)} busy, the busiest {Wording.Percent(s.HighestUtilisation)}; "
                    + $"the hottest expert {s.MostCopies} time{S(s.MostCopies)}; first token {Wording.Seconds(s.TimeToFirstToken)}, "
                        + $"between tokens {Wording.Seconds(s.InterToken)}";
                for (var d = 0; d < Math.Min(DevicesShown, s.Devices); d++) yield return $"    device {d + 1}: {Ranges(s.Placement[d])}";
                if (s.Devices > DevicesShown) yield return $"    … {s.Devices - DevicesShown:#,##0} more (--json has all)";
            }

            foreach (var note in forest.Notes) yield return $"  note: {note}";
            yield return forest.Fewest is not { } fewest ? "  neither form serves this load"
                : $"  fewest devices: {fewest}" + (forest.FewestToday == fewest ? ""
                : forest.FewestToday is { } today ? $"; with the server as it is: {today}" : "; the server as it is does neither");
        }

        yield return "";
        yield return "assumptions:";
        foreach (var assumption in plan.Assumptions) yield return $"  - {assumption}";
    }

    public static IEnumerable<string> Lines(PlanCheck check)
    {
        yield return $"checked against {check.Directory}: throughput of each point, predicted from the other points";
        if (check.Points.Count > 0)
        {
            string[][] rows =
            [
                ["point", "measured, tokens/s", "predicted", "predicted / measured"],
                .. check.Points.Select(p =>
                    new[] { p.Name, Wording.Figures(p.Measured), Wording.Figures(p.Predicted), $"{p.Predicted / p.Measured:0.00}" }),
            ];
            int[] widths = [.. Enumerable.Range(0, 4).Select(i => rows.Max(r => r[i].Length))];
            foreach (var row in rows)
                yield return "  " + string.Join("  ", row.Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i])));
            yield return $"  off by {Wording.Percent(check.MedianError)} in the median, {Wording.Percent(check.WorstError)} at most";
        }

        foreach (var knee in check.Knees)
            yield return $"  saturation of {knee.Name}: predicted {Wording.Figures(knee.Predicted)} requests/s, measured "
                + $"{Wording.Figures(knee.Measured)} (between {Wording.Figures(knee.Low)} and {Wording.Figures(knee.High)})";
        foreach (var note in check.Notes) yield return $"  note: {note}";
    }

    private static string Gib(double bytes) => bytes >= 1 << 30 ? $"{Wording.Figures(bytes / (1 << 30))} GiB"
        : $"{Wording.Figures(bytes / (1 << 20))} MiB";

    private static string S(int count) => count == 1 ? "" : "s";

    // 0-3, 7, 9-10
    private static string Ranges(IReadOnlyList<int> experts)
    {
        var parts = new List<string>();
        for (int i = 0, j; i < experts.Count; i = j)
        {
            for (j = i + 1; j < experts.Count && experts[j] == experts[j - 1] + 1; j++) { }
            parts.Add(j - i > 1 ? $"{experts[i]}-{experts[j - 1]}" : $"{experts[i]}");
        }

        return parts.Count > 24 ? $"{string.Join(", ", parts.Take(24))}, … ({experts.Count} experts)" : string.Join(", ", parts);
    }
}
