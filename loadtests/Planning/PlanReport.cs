namespace Btx.LoadTests.Planning;

/// <summary>A plan and its check as text.</summary>
public static class PlanReport
{
    private const int DevicesShown = 8;

    public static IEnumerable<string> Lines(CapacityPlan plan)
    {
        var m = plan.Machine;
        yield return $"{plan.Load.RequestsPerSecond:0.###} requests/s of {plan.Load.PromptTokens:0.#} + {plan.Load.OutputTokens:0.#} "
            + $"tokens, {Wording.Model(plan.Routing.Mode, plan.Routing.K)}, on {m.Name}: {Quantity.Count(m.Devices, "device")} of "
            + $"{Quantity.Figures(m.Memory)} GiB and {Quantity.Figures(m.Bandwidth)} GB/s";
        foreach (var forest in plan.Forests)
        {
            yield return "";
            yield return $"{forest.Experts} experts of {Quantity.Memory(forest.BytesPerExpert)} "
                + $"({Quantity.Memory(forest.WeightBytesPerExpert)} of weights), {forest.ExpertsPerDevice} on a device";
            if (forest.Whole is { } w)
                yield return $"  whole:   {Quantity.Count(w.Replicas, "replica")} of {Quantity.Count(w.DevicesPerReplica, "device")} on "
                    + $"{Quantity.Count(w.Machines, "machine")}; batch {w.Batch}, {Quantity.Figures(w.Capacity)} requests/s each at most, "
                    + $"{Quantity.Percent(w.Utilisation)} busy; first token {Quantity.Seconds(w.TimeToFirstToken)} (the prompt alone "
                    + $"{Quantity.Seconds(w.PromptSeconds)}), between tokens {Quantity.Seconds(w.InterToken)}";
            if (forest.Sharded is { } s)
            {
                yield return $"  sharded: {Quantity.Count(s.Devices, "device")} on {Quantity.Count(s.Machines, "machine")}; "
                    + $"{Quantity.Percent(s.MeanUtilisation)} busy, the busiest {Quantity.Percent(s.HighestUtilisation)}; the hottest "
                    + $"expert {Quantity.Count(s.MostCopies, "time")}; first token {Quantity.Seconds(s.TimeToFirstToken)}, between tokens "
                    + Quantity.Seconds(s.InterToken);
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
            var table = TextTable.Lines(["point", "measured, tokens/s", "predicted", "predicted / measured"],
                check.Points.Select(p => (string[])
                [p.Name, Quantity.Figures(p.Measured), Quantity.Figures(p.Predicted), $"{p.Predicted / p.Measured:0.00}"]), figuresFrom: 1);
            foreach (var line in table) yield return $"  {line}";
            yield return $"  off by {Quantity.Percent(check.MedianError)} in the median, {Quantity.Percent(check.WorstError)} at most";
        }

        foreach (var knee in check.Knees)
            yield return $"  saturation of {knee.Name}: predicted {Quantity.Figures(knee.Predicted)} requests/s, measured "
                + $"{Quantity.Figures(knee.Measured)} (between {Quantity.Figures(knee.Low)} and {Quantity.Figures(knee.High)})";
        foreach (var note in check.Notes) yield return $"  note: {note}";
    }

    // 0-3, 7, 9-10
    private static string Ranges(IReadOnlyList<int> experts)
    {
        // Neighbours have the same difference from their place in the order.
        string[] parts = [.. experts.Select((e, i) => (Expert: e, Run: e - i)).GroupBy(e => e.Run, e => e.Expert)
            .Select(g => g.Count() > 1 ? $"{g.First()}-{g.Last()}" : $"{g.First()}")];
        return parts.Length > 24 ? $"{string.Join(", ", parts.Take(24))}, … ({experts.Count} experts)" : string.Join(", ", parts);
    }
}
