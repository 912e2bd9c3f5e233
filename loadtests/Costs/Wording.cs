using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>Figures and loads in words.</summary>
internal static class Wording
{
    /// <summary><c>12.3 ms</c>, <c>1.25 s</c>, <c>340 µs</c>.</summary>
    public static string Seconds(double value) => Math.Abs(value) switch
    {
        0 => "0 s",
        >= 1 => $"{Figures(value)} s",
        >= 1e-3 => $"{Figures(value * 1e3)} ms",
        _ => $"{Figures(value * 1e6)} µs",
    };

    /// <summary>Three significant figures.</summary>
    public static string Figures(double value)
    {
        if (value == 0 || !double.IsFinite(value)) return value.ToString("0");
        var decimals = 2 - (int)Math.Floor(Math.Log10(Math.Abs(value)));
        return decimals >= 0 ? value.ToString("0." + new string('#', Math.Min(decimals, 9))) : Math.Round(value).ToString("#,##0");
    }

    /// <summary>A share as per cent: <c>3.2 %</c>.</summary>
    public static string Percent(double share) => $"{share * 100:0.#} %";

    /// <summary>A ratio as a difference: <c>12 % more</c>.</summary>
    public static string More(double ratio) => ratio >= 1 ? $"{Percent(ratio - 1)} more" : $"{Percent(1 - ratio)} less";

    /// <summary><c>concurrency 4</c> or <c>1.5 requests/s</c>.</summary>
    public static string Load(int? concurrency, double? rate) => rate is { } r ? $"{Figures(r)} requests/s" : $"concurrency {concurrency}";

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
