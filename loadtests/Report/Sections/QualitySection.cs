using Btx.LoadTests.Charts;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report.Sections;

/// <summary>How good each point's model is, domain by domain.</summary>
public static class QualitySection
{
    public static Section Of(ReportModel model)
    {
        if (model.Quality is not { BitsPerByte.Count: > 0 } quality) return new("quality", "Quality by domain") { Missing = [Absent.Quality] };
        string[] keys = [.. quality.BitsPerByte.Keys.OrderBy(k => Modes.Rank(k.Split(':', '@')[0])).ThenBy(k => k.Length).ThenBy(k => k, StringComparer.Ordinal)];
        string[] domains = [.. quality.BitsPerByte.Values.SelectMany(d => d.Keys).Distinct().Order(StringComparer.Ordinal)];
        string[] unknown = [.. model.Points.Select(p => p.Settings).Where(s => !Modes.IsPeer(s.Mode)).Select(QualityKey.Of).Distinct().Where(k => !quality.BitsPerByte.ContainsKey(k)).Order(StringComparer.Ordinal)];
        var chart = new DotChart("quality", "Bits per byte by domain", new Axis("bits per byte (less is better)"), keys,
        [
            .. domains.Select((d, i) => new Series(d, [.. keys.Select((k, row) => (Row: row, Value: Value(quality.BitsPerByte, k, d))).Where(p => p.Value is not null).Select(p => new Datum(p.Value!.Value, p.Row))], SeriesStyle.Of(i)) { Joined = false }),
            new Series("mean over the domains", [.. keys.Select((k, row) => new Datum(Mean(quality.BitsPerByte[k], domains), row)).Where(d => double.IsFinite(d.X))], new(7, 3, 0, true)) { Joined = false },
        ])
        { Caption = $"Held-out text, no sampling between the rows: {quality.Source.Replace("`", "", StringComparison.Ordinal)}" };
        return new("quality", "Quality by domain")
        {
            Findings = ["Bits per byte compare across vocabularies and domains; perplexity is per token. Quality depends on mode, k and precision, not on the load."],
            Figures =
            [
                Figure.Of(chart, new ReportTable(["bits per byte", .. domains, "mean"], [.. keys.Select(k => (string[])[k, .. domains.Select(d => Amount.Of(Value(quality.BitsPerByte, k, d))), Amount.Of(Mean(quality.BitsPerByte[k], domains))])])),
            ],
            Tables = quality.Perplexity.Count == 0 ? [] : [new ReportTable(["perplexity", .. domains], [.. keys.Where(quality.Perplexity.ContainsKey).Select(k => (string[])[k, .. domains.Select(d => Amount.Of(Value(quality.Perplexity, k, d)))])])],
            Missing = unknown.Length == 0 ? [] : [$"Quality is not known for {string.Join(", ", unknown)}: these points are on no frontier."],
        };
    }

    private static double? Value(IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> table, string key, string domain) => table[key].TryGetValue(domain, out var value) ? value : null;

    /// <summary>NaN unless every domain is known: means over different domains do not compare.</summary>
    private static double Mean(IReadOnlyDictionary<string, double> values, string[] domains) => domains.All(values.ContainsKey) ? domains.Average(d => values[d]) : double.NaN;
}
