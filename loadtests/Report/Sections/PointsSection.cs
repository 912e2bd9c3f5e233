using Btx.Cli;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report.Sections;

/// <summary>Every measured point.</summary>
public static class PointsSection
{
    private static readonly (string Title, double Scale, Func<LoadSummary, Estimate?> Of)[] Columns =
    [
        ("first token p50 (ms)", 1e3, s => s.TimeToFirstToken?.P50), ("first token p99 (ms)", 1e3, s => s.TimeToFirstToken?.P99),
        ("between tokens p50 (ms)", 1e3, s => s.InterToken?.P50), ("between tokens p99 (ms)", 1e3, s => s.InterToken?.P99),
        ("end to end p50 (ms)", 1e3, s => s.EndToEnd?.P50), ("end to end p90 (ms)", 1e3, s => s.EndToEnd?.P90),
            ("end to end p99 (ms)", 1e3, s => s.EndToEnd?.P99),
        ("p99 from sent (ms)", 1e3, s => s.EndToEndFromSent?.P99),
    ];

    public static Section Of(ReportModel model) => new("points", "All points")
    {
        Findings = model.Points.Count == 0 ? [] : [
            "Medians of the repeats with the least and the most, or the 95 % interval of a single one. Latency counts from when a "
                + "request was due; the last column counts from when it was sent, which is what a tool that omits the wait would report."],
        Tables = model.Points.Count == 0 ? [] :
        [
            new ReportTable(["", "repeats", "requests", "failed", "offered (requests/s)", "served (requests/s)", "goodput (requests/s)",
                "tokens/s", .. Columns.Select(c => c.Title)],
            [
                .. model.Measurements.Select(m => (string[])
                [
                    model.Labels.Full(m.Settings), $"{m.Repeats.Count}", Quantity.Count(m.Requests), Quantity.Count(m.Failed),
                    Amount.Of(m.Of(s => (double?)s.OfferedPerSecond)), Amount.Of(m.Of(s => (double?)s.RequestsPerSecond)),
                        Amount.Of(m.Of(s => s.GoodputPerSecond)), Amount.Of(m.Of(s => (double?)s.TokensPerSecond)),
                    .. Columns.Select(c => Amount.Of(m.Of(c.Of), c.Scale)),
                ]),
            ]),
        ],
        Missing = model.Points.Count == 0 ? [Absent.Points(model)] : [],
    };
}
