namespace Btx.LoadTests.Costs;

/// <summary>What a run's points say together: <see cref="RunDirectory.Fits"/>.</summary>
/// <param name="Frontiers">One for each load; empty without quality.</param>
public sealed record CostAnalysis(IReadOnlyList<NoiseFigure> Noise, IReadOnlyList<CostLine> Lines,
    IReadOnlyList<UnionFit> Unions, IReadOnlyList<LoadCurve> Curves, IReadOnlyList<Frontier> Frontiers,
    IReadOnlyList<Recommendation> Recommendations, IReadOnlyList<string> Notes)
{
    public int Schema { get; init; } = 1;
}

public sealed record AnalysisOptions
{
    /// <summary>What to recommend settings for; null: for none.</summary>
    public ServiceObjective? Objective { get; init; }

    /// <summary>Per cent of the full ensemble's bits per byte that a cheaper model may lose.</summary>
    public IReadOnlyList<double> WithinPercent { get; init; } = [1];

    /// <summary>Share of a point's requests that met the objective, by default from the goodput; null where it is not known.</summary>
    public Func<PointResult, double?> ShareMet { get; init; } = p => p.Summary is { GoodputPerSecond: { } goodput, Requests: > 0 } s
        ? Math.Min(1, goodput * s.Seconds / s.Requests) : null;
}

/// <summary>Everything that is fitted to a run's points.</summary>
public static class CostModel
{
    /// <summary>How far a point may lie from a model that holds, as a share; twice the noise is allowed where that is more.</summary>
    internal const double Tolerance = 0.05;

    /// <param name="quality">Null: no frontiers, and no recommendations by quality.</param>
    public static CostAnalysis Analyse(IReadOnlyList<PointResult> points, QualityTable? quality, AnalysisOptions options)
    {
        var notes = new List<string>();
        var noise = NoiseFigures.Of(points);
        if (noise.Count == 0) notes.Add("nothing was measured twice: the noise is not known, and no difference can be called significant");
        var measured = MeasuredSettings.Group(points);
        notes.AddRange(points.Where(p => p.Summary.Failed > 0).Select(p => $"{p.Settings.Name}, repeat {p.Repeat + 1}: {p.Summary.Failed} "
            + $"of {p.Summary.Requests} requests failed; the figures are of the others"));
        if (quality is null) notes.Add("no quality: no frontier");
        var frontiers = quality is null ? [] : Frontiers.Of(measured, quality, noise, notes);
        var lines = LineFitting.Fit(measured, noise, notes);
        Recommendation[] recommendations = [.. Recommendations.ForObjective(measured, quality, options, notes),
            .. options.WithinPercent.Where(_ => quality is not null)
                .SelectMany((percent, i) => Recommendations.Within(frontiers, quality!, percent, i == 0 ? notes : []))];
        return new(noise, lines, UnionFitting.Fit(measured, noise), LoadCurves.Of(measured, options), frontiers, recommendations, notes);
    }
}

internal static class Wording
{
    /// <summary>A ratio as a difference: <c>12 % more</c>.</summary>
    public static string More(double ratio) => $"{Quantity.Percent(Math.Abs(ratio - 1))} {(ratio >= 1 ? "more" : "less")}";

    /// <summary><c>concurrency 4</c> or <c>1.5 requests/s</c>.</summary>
    public static string Load(PointSettings s) =>
        s.Rate is { } rate ? $"{Quantity.Figures(rate)} requests/s" : $"concurrency {s.Concurrency}";

    /// <summary><c>fp32, --intra-op-threads 2</c>.</summary>
    public static string Build(string precision, IReadOnlyDictionary<string, string> options) => string.Join(", ",
        options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key} {o.Value}").Prepend(precision));

    public static string Build(PointSettings s) => Build(s.Precision, s.Options);

    public static string Where(PointSettings settings) => $"{Load(settings)}, {Build(settings)}";

    /// <summary><c>top_k with k = 2</c>, <c>ensemble</c>.</summary>
    public static string Model(string mode, int? k) => mode is "top_k" or "moe" && k is { } n ? $"{mode} with k = {n}" : mode;

    public static string List(IEnumerable<string> items)
    {
        string[] all = [.. items];
        return all.Length < 2 ? string.Concat(all) : $"{string.Join(", ", all[..^1])} and {all[^1]}";
    }
}
