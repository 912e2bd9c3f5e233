using Btx.Cli;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>How many of a point's requests met an objective.</summary>
public static class ObjectiveShare
{
    /// <summary>From the run's request records, for an objective that the run did not know; null
    /// where a point's records are not there.</summary>
    public static Func<PointResult, double?> FromRecords(string directory, ServiceObjective objective) => point =>
    {
        var file = Path.Combine(directory, RunDirectory.Requests, $"{point.Settings.Name}-r{point.Repeat}.jsonl");
        if (!File.Exists(file)) return null;
        RequestRecord[] records = [.. RunJson.ReadLines<RequestRecord>(file).Where(r => !r.WarmUp)];
        return records.Length == 0 ? null : records.Count(r => ObjectiveCheck.Meets(objective, r)) / (double)records.Length;
    };

    /// <summary>The objective in words.</summary>
    internal static string Words(ServiceObjective objective)
    {
        var limits = Limits(objective).Select(l => $"{l.Name} ≤ {Quantity.Seconds(l.Limit)}");
        return $"the objective ({string.Join(", ", limits)} for {Quantity.Percent(objective.Share)} of requests)";
    }

    /// <summary>Which limits the slowest requests of a point miss, and by how much.</summary>
    internal static string Misses(MeasuredSettings measured, ServiceObjective objective)
    {
        string[] missed =
        [
            .. Limits(objective).Select(l => (l.Name, l.Limit, P99: measured.Middle(p => l.Of(p.Summary)?.P99.Value)?.Value))
                .Where(l => l.P99 > l.Limit)
                .Select(l => $"p99 of the {l.Name} is {Quantity.Seconds(l.P99!.Value)} against {Quantity.Seconds(l.Limit)}"),
        ];
        return missed.Length == 0 ? "" : $": {string.Join(", ", missed)}";
    }

    private static IEnumerable<(string Name, double Limit, Func<LoadSummary, LatencyFigures?> Of)> Limits(ServiceObjective objective)
    {
        if (objective.TimeToFirstToken is { } first) yield return ("time to first token", first, s => s.TimeToFirstToken);
        if (objective.InterToken is { } gap) yield return ("time between tokens", gap, s => s.InterToken);
        if (objective.EndToEnd is { } end) yield return ("end-to-end time", end, s => s.EndToEnd);
    }
}
