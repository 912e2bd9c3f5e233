using Btx.Cli;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>Figures and loads in words.</summary>
internal static class Wording
{
    /// <summary>A ratio as a difference: <c>12 % more</c>.</summary>
    public static string More(double ratio) => ratio >= 1 ? $"{Quantity.Percent(ratio - 1)} more" : $"{Quantity.Percent(1 - ratio)} less";

    /// <summary><c>concurrency 4</c> or <c>1.5 requests/s</c>.</summary>
    public static string Load(int? concurrency, double? rate) => rate is { } r ? $"{Quantity.Figures(r)} requests/s" : $"concurrency {concurrency}";

    /// <summary><c>fp32, --intra-op-threads 2</c>.</summary>
    public static string Build(PointSettings settings) =>
        string.Join(", ",
        settings.Options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key} {o.Value}").Prepend(settings.Precision));

    public static string Where(PointSettings settings) => $"{Load(settings.Concurrency, settings.Rate)}, {Build(settings)}";

    /// <summary><c>top_k with k = 2</c>, <c>ensemble</c>.</summary>
    public static string Model(string mode, int? k) => mode is "top_k" or "moe" && k is { } n ? $"{mode} with k = {n}" : mode;

    public static string List(IEnumerable<string> items)
    {
        string[] all = [.. items];
        return all.Length < 2 ? string.Concat(all) : $"{string.Join(", ", all[..^1])} and {all[^1]}";
    }
}
