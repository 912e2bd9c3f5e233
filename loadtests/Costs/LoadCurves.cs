namespace Btx.LoadTests.Costs;

/// <summary>One model under growing load.</summary>
/// <param name="Load"><c>open</c>: the load is requests a second; <c>closed</c>: requests in flight.</param>
public sealed record LoadCurve(string Mode, int? K, string Precision, IReadOnlyDictionary<string, string> Options, string Load,
    IReadOnlyList<LoadCurvePoint> Points, Knee? Knee, string Finding);

/// <summary>Medians of the repeats with the smallest and the largest; seconds.</summary>
/// <param name="Load">Requests offered a second (as they really fell due), or requests in flight.</param>
/// <param name="Saturated">Achieved less than 95 % of what was offered; always false in the closed loop.</param>
public sealed record LoadCurvePoint(string Name, double Load, Estimate RequestsPerSecond, Estimate TokensPerSecond,
    Estimate? TimeToFirstTokenP50, Estimate? TimeToFirstTokenP99, Estimate? InterTokenP50, Estimate? EndToEndP50, Estimate? EndToEndP99,
    double Failed, bool Saturated);

/// <summary>Where more load brings waiting instead of throughput.</summary>
/// <param name="Low">The measured load below it; 0 if the first one was beyond it.</param>
/// <param name="High">The measured load above it.</param>
public sealed record Knee(double Load, double Low, double High, double RequestsPerSecond, string Method);

/// <summary>Throughput and latency against load, for each model that was measured under two loads or more.</summary>
public static class LoadCurves
{
    /// <summary>Below this share of what is offered a server is saturated.</summary>
    public const double Sustained = 0.95;

    private const string Kneedle = "farthest above the line from the first to the last point (Kneedle)";

    // Of the unit square: a throughput that grows in proportion to the load lies on its diagonal.
    private const double Bend = 0.1;

    public static IReadOnlyList<LoadCurve> Of(IReadOnlyList<MeasuredSettings> measured, AnalysisOptions options) =>
    [
        .. measured.GroupBy(m => (m.Settings.Load, m.Settings.Mode, m.Settings.K, Build: Wording.Build(m.Settings)))
            .Where(group => group.Count() >= 2).Select(group => Of([.. group], options)),
    ];

    private static LoadCurve Of(MeasuredSettings[] group, AnalysisOptions options)
    {
        var settings = group[0].Settings;
        var open = settings.Rate is not null;
        var points = group.OrderBy(m => m.Settings.Rate ?? m.Settings.Concurrency).Select(m => Point(m, open))
            .OrderBy(p => p.Load).ToArray();
        HashSet<string> missed = [.. group.Where(m => m.Middle(options.ShareMet)?.Value < options.Objective?.Share).Select(m => m.Name)];
        var (knee, finding) = open ? Open(points, missed) : Closed(points);
        return new(settings.Mode, settings.K, settings.Precision, settings.Options, open ? "open" : "closed", points, knee, finding);
    }

    private static LoadCurvePoint Point(MeasuredSettings m, bool open)
    {
        var load = open ? m.Middle(p => p.Summary.OfferedPerSecond)!.Value : m.Settings.Concurrency!.Value;
        var achieved = m.Middle(p => p.Summary.RequestsPerSecond)!;
        Estimate? Latency(Func<LoadSummary, Estimate?> of) => m.Middle(p => of(p.Summary)?.Value);
        return new(m.Name, load, achieved, m.Middle(p => p.Summary.TokensPerSecond)!, Latency(s => s.TimeToFirstToken?.P50),
            Latency(s => s.TimeToFirstToken?.P99), Latency(s => s.InterToken?.P50), Latency(s => s.EndToEnd?.P50),
            Latency(s => s.EndToEnd?.P99), m.Requests > 0 ? m.Failed / (double)m.Requests : 0, open && achieved.Value < Sustained * load);
    }

    /// <summary>Open loop: the knee lies between the last rate that is sustained within the objective and the first that is not.</summary>
    /// <param name="missed">Names of the points that miss the objective.</param>
    private static (Knee? Knee, string Finding) Open(LoadCurvePoint[] points, HashSet<string> missed)
    {
        var first = points.TakeWhile(p => !p.Saturated && !missed.Contains(p.Name)).Count();
        if (first == points.Length)
            return (null, $"not saturated up to {Quantity.Figures(points[^1].Load)} requests/s: "
                + $"{Quantity.Percent(points[^1].RequestsPerSecond.Value / points[^1].Load)} of what was offered is served");
        var beyond = points[first];
        double low = first > 0 ? points[first - 1].Load : 0, high = beyond.Load, served = beyond.RequestsPerSecond.Value;
        var load = !beyond.Saturated ? (low + high) / 2
            : Math.Clamp(points.Skip(first).Where(p => p.Saturated).Max(p => p.RequestsPerSecond.Value), low, high);
        var (method, reason) = beyond.Saturated
            ? ("first rate of which less than 95 % is served", $"{Quantity.Percent(served / high)} is served")
            : ("first rate that misses the objective", "the objective is missed");
        var between = first > 0 ? $"between {Quantity.Figures(low)} and {Quantity.Figures(high)}"
            : $"below {Quantity.Figures(high)}, the lowest rate measured,";
        return (new(load, low, high, Math.Min(load, served), method),
            $"the knee lies {between} requests/s (about {Quantity.Figures(load)}): at {Quantity.Figures(high)} {reason}");
    }

    /// <summary>Closed loop: farthest above the line from the first point to the last, in the unit square (Satopaa et al. 2011).</summary>
    private static (Knee? Knee, string Finding) Closed(LoadCurvePoint[] points)
    {
        if (points.Length < 3) return (null, "two loads do not show a knee");
        double width = points[^1].Load - points[0].Load, lowest = points.Min(p => p.TokensPerSecond.Value),
            height = points.Max(p => p.TokensPerSecond.Value) - lowest;
        if (height < 0.05 * lowest)
            return (new(points[0].Load, 0, points[1].Load, points[0].RequestsPerSecond.Value, Kneedle),
                $"throughput is the same from {points[0].Load} request in flight on: saturated by the first");
        double Height(LoadCurvePoint p) => ((p.TokensPerSecond.Value - lowest) / height) - ((p.Load - points[0].Load) / width);
        var knee = points.MaxBy(Height)!;
        if (Height(knee) < Bend)
            return (null, $"throughput still grows in proportion at {points[^1].Load} requests in flight: no knee was reached");
        var at = Array.IndexOf(points, knee);
        double low = at > 0 ? points[at - 1].Load : 0, high = at + 1 < points.Length ? points[at + 1].Load : knee.Load;
        return (new(knee.Load, low, high, knee.RequestsPerSecond.Value, Kneedle),
            $"the knee is at {Quantity.Figures(knee.Load)} requests in flight (neighbours {Quantity.Figures(low)} and "
            + $"{Quantity.Figures(high)}), {Quantity.Figures(knee.TokensPerSecond.Value)} tokens/s");
    }
}
