using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report;

/// <summary>Short names of points: mode and k, and of the rest what differs within the run.</summary>
public sealed class PointLabels(IReadOnlyCollection<PointSettings> all)
{
    private readonly bool _precisions = all.Select(s => s.Precision).Distinct().Count() > 1;
    private readonly string[] _options = [.. all.SelectMany(s => s.Options.Keys).Distinct(StringComparer.Ordinal)
        .Where(k => all.Where(s => !Modes.IsPeer(s.Mode)).Select(s => s.Options.GetValueOrDefault(k)).Distinct().Count() > 1)
        .Order(StringComparer.Ordinal)];

    /// <summary><c>top_k, k = 2</c>.</summary>
    public static string Routing(string mode, int? k) => mode is "top_k" or "moe" && k is { } n ? $"{mode}, k = {n}" : mode;

    /// <summary><c>4 in flight</c> or <c>2.5 requests/s</c>.</summary>
    public static string Load(PointSettings settings) => settings.Rate is { } rate ? $"{Amount.Of(rate)} requests/s"
        : $"{settings.Concurrency} in flight";

    /// <summary>What belongs to the server: <c>int8, --intra-op-threads 2</c>; empty if all points share it.</summary>
    public string Server(PointSettings settings) => Server(settings.Precision, settings.Options);

    /// <inheritdoc cref="Server(PointSettings)"/>
    public string Server(string precision, IReadOnlyDictionary<string, string> options) =>
        string.Join(", ", new[] { _precisions ? precision : null }.OfType<string>()
        .Concat(_options.Where(options.ContainsKey).Select(k => $"{k} {options[k]}")));

    /// <summary>Routing, and the server where it differs.</summary>
    public string Model(PointSettings settings) => Model(settings.Mode, settings.K, settings.Precision, settings.Options);

    /// <inheritdoc cref="Model(PointSettings)"/>
    public string Model(string mode, int? k, string precision, IReadOnlyDictionary<string, string> options) =>
        Join(Routing(mode, k), Server(precision, options));

    /// <summary>All of it: a table's row.</summary>
    public string Full(PointSettings settings) => Join(Model(settings), Load(settings));

    private static string Join(params string[] parts) => string.Join(", ", parts.Where(p => p.Length > 0));
}
