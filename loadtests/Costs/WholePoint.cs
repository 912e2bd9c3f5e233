using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>Whether a point that was read from a file has everything that is computed with: a line
/// that parses can still lack half of it.</summary>
internal static class WholePoint
{
    public static bool Is(PointResult p) =>
        p is
        {
            Settings: { Mode.Length: > 0, Load: not null, Precision: not null, Options: not null } settings,
            Summary: { Statuses: not null, Requests: >= 0, Failed: >= 0 } s
        }
        && (settings.Rate is > 0 || settings.Concurrency is > 0)
        && (settings.K ?? 1) > 0 && (p.Experts ?? 0) >= 0 && (p.MixtureExperts ?? 0) >= 0
        && s.Failed <= s.Requests
        && Numbers(s.Seconds, s.TokensPerSecond, s.RequestsPerSecond, s.OfferedPerSecond, s.GoodputPerSecond, settings.Rate)
        && new[] { s.TimeToFirstToken, s.InterToken, s.EndToEnd, s.EndToEndFromSent }.All(Is)
        && (p.Server is not { } v || Numbers(v.DecodeSteps, v.DecodeSeconds, v.MeanBatch, v.DistinctExperts, v.DistinctMixtureExperts));

    private static bool Is(LatencyFigures? latency) =>
        latency is null || (latency is { P50: not null, P90: not null, P99: not null }
        && Numbers(latency.P50.Value, latency.P90.Value, latency.P99.Value, latency.Mean));

    private static bool Numbers(params double?[] values) => values.All(v => v is null || (double.IsFinite(v.Value) && v >= 0 && v < 1e100));
}
