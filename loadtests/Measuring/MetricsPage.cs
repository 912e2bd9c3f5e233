using System.Globalization;
using System.Text;

namespace Btx.LoadTests.Measuring;

/// <summary>A page of metrics in Prometheus' text format, as it was at one time.</summary>
public sealed class MetricsPage
{
    private readonly Dictionary<string, List<(IReadOnlyDictionary<string, string> Labels, double Value)>> _series =
        new(StringComparer.Ordinal);

    /// <summary>Reads a page; comments and lines that are no samples are left out.</summary>
    public static MetricsPage Parse(string text)
    {
        var page = new MetricsPage();
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            if (line.Length == 0 || line[0] == '#') continue;
            var labels = new Dictionary<string, string>(StringComparer.Ordinal);
            var open = line.IndexOf('{');
            var rest = open < 0 ? line.IndexOf(' ') : Labels(line, open + 1, labels);
            if (rest < 1) continue;
            var value = line[rest..].Trim();
            if (value.IndexOf(' ') is var stamp and > 0) value = value[..stamp];
            if (!double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)) continue;
            var name = line[..(open < 0 ? rest : open)].ToString();
            if (!page._series.TryGetValue(name, out var samples)) page._series[name] = samples = [];
            samples.Add((labels, number));
        }

        return page;
    }

    public bool Has(string name) => _series.ContainsKey(name);

    /// <summary>Over all labels; 0 where there is none.</summary>
    public double Sum(string name) => _series.GetValueOrDefault(name)?.Sum(s => s.Value) ?? 0;

    /// <summary>Summed by one label's value.</summary>
    public IReadOnlyDictionary<string, double> By(string name, string label) =>
        (_series.GetValueOrDefault(name) ?? []).Where(s => s.Labels.ContainsKey(label)).GroupBy(s => s.Labels[label])
        .ToDictionary(g => g.Key, g => g.Sum(s => s.Value));

    // NAME="VALUE",…} with \\, \" and \n in values. Returns where the sample's value begins; -1 for a line that is none.
    private static int Labels(ReadOnlySpan<char> line, int at, Dictionary<string, string> labels)
    {
        while (at < line.Length && line[at] != '}')
        {
            var equals = line[at..].IndexOf("=\"");
            if (equals < 0) return -1;
            var name = line.Slice(at, equals).Trim(", ").ToString();
            var value = new StringBuilder();
            for (at += equals + 2; at < line.Length && line[at] != '"'; at++)
            {
                if (line[at] == '\\' && at + 1 < line.Length) value.Append(line[++at] == 'n' ? '\n' : line[at]);
                else value.Append(line[at]);
            }

            labels[name] = value.ToString();
            at++;
        }

        return at < line.Length ? at + 1 : -1;
    }
}
