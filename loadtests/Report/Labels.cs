using System.Globalization;
using Btx.Cli.Charts;

namespace Btx.LoadTests.Report;

/// <summary>Measured figures as the report writes them.</summary>
public static class Amount
{
    public static string Of(double? value) => value is { } v ? Quantity.Figures(v) : Quantity.None;

    /// <summary>An interval is in brackets.</summary>
    public static string Of(Estimate? estimate, double scale = 1) => Of(estimate?.Value * scale)
        + (estimate is { Low: { } low, High: { } high } ? $" ({Of(low * scale)} to {Of(high * scale)})" : "");

    /// <summary>A point of a chart with its interval as a band.</summary>
    public static Datum At(double x, Estimate y, double scale = 1) => new(x, y.Value * scale, y.Low * scale, y.High * scale);

    /// <summary>With a capital and a full stop.</summary>
    public static string Sentence(string text) => text.Length == 0 ? text
        : char.ToUpperInvariant(text[0]) + text[1..] + (text[^1] is '.' or '!' or '?' ? "" : ".");

    public static string Time(DateTimeOffset at) => at.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    public static string Title(string metric) => CostMetric.All.FirstOrDefault(m => m.Name == metric)?.Title ?? metric;
}

/// <summary>Short names of points: mode and k, and of the rest what differs within the run.</summary>
public sealed class PointLabels(IReadOnlyCollection<PointSettings> all)
{
    private readonly bool _precisions = all.Select(s => s.Precision).Distinct().Count() > 1;
    private readonly string[] _options = [.. all.SelectMany(s => s.Options.Keys).Distinct(StringComparer.Ordinal)
        .Where(k => all.Where(s => !Modes.IsPeer(s.Mode)).Select(s => s.Options.GetValueOrDefault(k)).Distinct().Count() > 1)
        .Order(StringComparer.Ordinal)];

    /// <summary><c>4 in flight</c> or <c>2.5 requests/s</c>.</summary>
    public static string Load(PointSettings settings) =>
        settings.Rate is { } rate ? $"{Amount.Of(rate)} requests/s" : $"{settings.Concurrency} in flight";

    /// <summary>What belongs to the server: <c>int8, --intra-op-threads 2</c>; empty if all points share it.</summary>
    public string Server(string precision, IReadOnlyDictionary<string, string> options) => string.Join(", ",
        [.. _precisions ? [precision] : Array.Empty<string>(), .. _options.Where(options.ContainsKey).Select(k => $"{k} {options[k]}")]);

    public string Server(PointSettings settings) => Server(settings.Precision, settings.Options);

    /// <summary>Routing (<c>top_k, k = 2</c>), and the server where it differs.</summary>
    public string Model(string mode, int? k, string precision, IReadOnlyDictionary<string, string> options)
    {
        var routing = mode is "top_k" or "moe" && k is { } n ? $"{mode}, k = {n}" : mode;
        return Server(precision, options) is { Length: > 0 } server ? $"{routing}, {server}" : routing;
    }

    public string Model(PointSettings settings) => Model(settings.Mode, settings.K, settings.Precision, settings.Options);

    public string Full(PointSettings settings) => $"{Model(settings)}, {Load(settings)}";
}

/// <summary>Routing modes look the same in every picture.</summary>
public static class Modes
{
    private static readonly string[] Known = ["top_k", "moe", "ensemble", "average", "expert", "top_p"];

    /// <summary>Position among the modes, whatever follows a colon; peers come last.</summary>
    public static int Rank(string mode) => Array.IndexOf(Known, Kind(mode)) is var at and >= 0 ? at : Known.Length;

    /// <summary><c>expert</c> of <c>expert:novels</c>, <c>top_p</c> of <c>top_p:0.9</c>.</summary>
    public static string Kind(string mode) => mode.Split(':')[0];

    public static bool IsPeer(string mode) => mode.StartsWith("peer:", StringComparison.Ordinal);

    /// <param name="variant">What tells series of one mode apart, such as its load: another shape and dashes.</param>
    public static SeriesStyle Style(string mode, int variant = 0)
    {
        var rank = Rank(mode);
        if (rank == Known.Length) rank += (int)(mode.Aggregate(0u, (hash, c) => (hash * 31) + c) % 2);
        return new(rank, rank + (3 * variant), variant % 4, variant / 4 % 2 == 1);
    }
}
