using Btx.Cli;
namespace Btx.LoadTests.Report.Sections;

/// <summary>Requests that got no answer.</summary>
public static class FailuresSection
{
    public static Section Of(ReportModel model)
    {
        var statuses = model.Points.SelectMany(p => p.Summary.Statuses).GroupBy(s => s.Key, s => s.Value).ToDictionary(g => g.Key,
            g => g.Sum(), StringComparer.Ordinal);
        var failed = model.Measurements.Where(m => m.Failed > 0).ToArray();
        var requests = model.Points.Sum(p => p.Summary.Requests);
        string[] kinds = [.. statuses.Keys.Where(k => k != "ok" && statuses[k] > 0).Order(StringComparer.Ordinal)];
        return new("failures", "Failures")
        {
            Findings = requests == 0 ? [] :
            [
                failed.Length == 0 ? $"None of {Quantity.Count(requests, "request")} failed."
                : $"{Quantity.Count(failed.Sum(m => m.Failed))} of {Quantity.Count(requests, "request")} failed: "
                    + $"{string.Join(", ", kinds.Select(k => $"{k} {Quantity.Count(statuses[k])}"))}. Failed "
                        + "requests are in no latency and in no throughput.",
            ],
            Tables = failed.Length == 0 ? [] :
            [
                new ReportTable(["", "requests", "failed", .. kinds], [.. failed.Select(m =>
                    (string[])[model.Labels.Full(m.Settings), Quantity.Count(m.Requests), Quantity.Percent((double)m.Failed / m.Requests),
                    .. kinds.Select(k => Quantity.Count(m.Repeats.Sum(p => p.Summary.Statuses.GetValueOrDefault(k))))])]),
            ],
            Missing = model.Points.Count == 0 ? [Absent.Points(model)] : [],
        };
    }
}
