using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>Throughput and latency against load, for each model that was measured under two loads or more.</summary>
public static class LoadCurves
{
    /// <summary>Below this share of what is offered a server is saturated.</summary>
    public const double Sustained = 0.95;

    public static IReadOnlyList<LoadCurve> Of(IReadOnlyList<MeasuredSettings> measured, AnalysisOptions options) =>
    [
        .. measured.GroupBy(m => (m.Settings.Load, m.Settings.Mode, m.Settings.K, Build: Wording.Build(m.Settings)))
            .Select(group => group.OrderBy(Load).ToArray())
            .Where(group => group.Length >= 2)
            .Select(group => Of(group, options)),
    ];

    private static double Load(MeasuredSettings m) => m.Settings.Rate ?? m.Settings.Concurrency ?? 0;

    private static LoadCurve Of(MeasuredSettings[] group, AnalysisOptions options)
    {
        var settings = group[0].Settings;
        var open = settings.Rate is not null;
        var points = group.Select(m => Point(m, open)).OrderBy(p => p.Load).ToArray();
        var (knee, finding) = open ? KneeFinding.Open(points, Missed(group, options)) : KneeFinding.Closed(points);
        return new LoadCurve
        {
            Mode = settings.Mode,
            K = settings.K,
            Precision = settings.Precision,
            Options = settings.Options,
            Load = open ? "open" : "closed",
            Points = points,
            Knee = knee,
            Finding = finding
        };
    }

    // Names of the points that do not meet the objective.
    private static HashSet<string> Missed(MeasuredSettings[] group, AnalysisOptions options) =>
        options.Objective is not { } objective ? []
        : [.. group.Where(m => m.Middle(options.ShareMet) is { } share && share.Value < objective.Share).Select(m => m.Name)];

    private static LoadCurvePoint Point(MeasuredSettings m, bool open)
    {
        var load = open ? m.Middle(p => p.Summary.OfferedPerSecond)!.Value : m.Settings.Concurrency!.Value;
        var achieved = m.Middle(p => p.Summary.RequestsPerSecond)!;
        var requests = m.Repeats.Sum(r => (double)r.Summary.Requests);
        return new LoadCurvePoint(
            m.Name, load, achieved, m.Middle(p => p.Summary.TokensPerSecond)!, m.Middle(p => p.Summary.TimeToFirstToken?.P50.Value),
                m.Middle(p => p.Summary.TimeToFirstToken?.P99.Value),
            m.Middle(p => p.Summary.InterToken?.P50.Value), m.Middle(p => p.Summary.EndToEnd?.P50.Value),
                m.Middle(p => p.Summary.EndToEnd?.P99.Value),
            requests > 0 ? m.Repeats.Sum(r => (double)r.Summary.Failed) / requests : 0, open && achieved.Value < Sustained * load);
    }
}
