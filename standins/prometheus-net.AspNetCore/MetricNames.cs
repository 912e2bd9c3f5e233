using System.Text.RegularExpressions;

namespace Prometheus;

/// <summary>Which names Prometheus takes.</summary>
internal static partial class MetricNames
{
    public static string Checked(string name) =>
        Name().IsMatch(name) ? name : throw new ArgumentException($"Metric name '{name}' does not match regex '{Name()}'.", nameof(name));

    public static string CheckedLabel(string name)
    {
        if (!Label().IsMatch(name)) throw new ArgumentException($"Label name '{name}' does not match regex '{Label()}'.", nameof(name));
        if (name.StartsWith("__", StringComparison.Ordinal)) throw new ArgumentException("Labels starting with double underscore are reserved!", nameof(name));
        return name;
    }

    [GeneratedRegex("^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
    private static partial Regex Name();

    [GeneratedRegex("^[a-zA-Z_][a-zA-Z0-9_]*$")]
    private static partial Regex Label();
}
