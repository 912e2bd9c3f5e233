using System.Globalization;
using System.Text.RegularExpressions;
using Btx.Cli.Charts;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report.Sections;

/// <summary>How good each point's model is, domain by domain.</summary>
public static partial class QualitySection
{
    /// <summary>Relative difference of figures that are called the same.</summary>
    private const double Rounding = 1e-6;

    public static Section Of(ReportModel model)
    {
        if (model.Quality is not { BitsPerByte.Count: > 0 } quality)
            return new("quality", "Quality by domain") { Missing = [Absent.Quality(model)] };
        string[] keys = [.. quality.BitsPerByte.Keys.OrderBy(k => Modes.Rank(k.Split(':', '@')[0])).ThenBy(k => k.Length).ThenBy(k => k,
            StringComparer.Ordinal)];
        string[] domains = [.. quality.BitsPerByte.Values.SelectMany(d => d.Keys).Distinct().Order(StringComparer.Ordinal)];
        string[] unknown = [.. model.Points.Select(p => p.Settings).Where(s => !Modes.IsPeer(s.Mode)).Select(QualityKey.Of).Distinct()
            .Where(k => !quality.BitsPerByte.ContainsKey(k)).Order(StringComparer.Ordinal)];
        var chart = new Chart("quality", "Bits per byte by domain", new Axis("bits per byte (less is better)"),
        [new Panel(new Axis("") { Rows = keys }, [
            .. domains.Select((d, i) => new Series(d, [.. keys.Select((k, row) => (Row: row, Value: Value(quality.BitsPerByte, k, d)))
                .Where(p => p.Value is not null).Select(p => new Datum(p.Value!.Value, p.Row))], SeriesStyle.Of(i)) { Joined = false }),
            new Series("mean over the domains", [.. keys.Select((k, row) => new Datum(Mean(quality.BitsPerByte[k], domains), row))
                .Where(d => double.IsFinite(d.X))], new(7, 3, 0, true)) { Joined = false },
        ])])
        { Caption = $"Held-out text, no sampling between the rows: {quality.Source.Replace("`", "", StringComparison.Ordinal)}" };
        return new("quality", "Quality by domain")
        {
            Findings = [
                "Bits per byte compare across vocabularies and domains; perplexity is per token. Quality depends on mode, k and "
                    + "precision, not on the load.",
                .. Alike(quality)],
            Figures =
            [
                Figure.Of(chart, new ReportTable(["bits per byte", .. domains, "mean"],
                    [.. keys.Select(k => (string[])[k, .. domains.Select(d => Amount.Of(Value(quality.BitsPerByte, k, d))),
                    Amount.Of(Mean(quality.BitsPerByte[k], domains))])])),
            ],
            Tables = quality.Perplexity.Count == 0 ? []
                : [new ReportTable(["perplexity", .. domains], [.. keys.Where(quality.Perplexity.ContainsKey)
                .Select(k => (string[])[k, .. domains.Select(d => Amount.Of(Value(quality.Perplexity, k, d)))])])],
            Missing = unknown.Length == 0 ? []
                : [$"Quality is not known for {string.Join(", ", unknown)}: these points are on no frontier."],
        };
    }

    /// <summary>Several k of a mode whose figures are the same in every domain: the text that
    /// was scored does not tell them apart.</summary>
    private static IEnumerable<string> Alike(QualityTable quality)
    {
        var keys = quality.BitsPerByte.Keys.Select(k => WithK().Match(k)).Where(m => m.Success && quality.BitsPerByte[m.Value].Count > 0)
            .GroupBy(m => (Mode: m.Groups[1].Value, Precision: m.Groups[3].Value));
        foreach (var mode in keys)
        {
            var left = mode.OrderBy(m => int.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture)).ToList();
            while (left.Count > 0)
            {
                var first = left[0];
                Match[] same = [first, .. left.Skip(1).Where(m => Same(quality.BitsPerByte[first.Value], quality.BitsPerByte[m.Value]))];
                left.RemoveAll(m => same.Contains(m));
                if (same.Length > 1)
                    yield return $"{mode.Key.Mode} with k = {string.Join(", ", same.Select(m => m.Groups[2].Value))} "
                        + $"({mode.Key.Precision}) has the same quality in every domain: on the text that was scored "
                            + "the further experts weigh next to nothing, "
                        + "so it does not tell these k apart. More text may: `--evaluation`, or a larger `--quality-tokens`.";
            }
        }
    }

    private static bool Same(IReadOnlyDictionary<string, double> first, IReadOnlyDictionary<string, double> second) =>
        first.Count == second.Count
        && first.All(d => second.TryGetValue(d.Key, out var other) && Math.Abs((other / d.Value) - 1) <= Rounding);

    private static double? Value(IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> table, string key, string domain) =>
        table[key].TryGetValue(domain, out var value) ? value : null;

    /// <summary>NaN unless every domain is known: means over different domains do not compare.</summary>
    private static double Mean(IReadOnlyDictionary<string, double> values, string[] domains) => domains.All(values.ContainsKey)
        ? domains.Average(d => values[d]) : double.NaN;

    /// <summary>Mode, k and precision of a <see cref="QualityKey"/>.</summary>
    [GeneratedRegex(@"^(.+):k=([0-9]{1,6})@(.+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex WithK();
}
