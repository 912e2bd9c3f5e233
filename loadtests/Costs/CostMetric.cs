using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>A figure of a point by name: what noise, comparisons and fits are made of.</summary>
/// <param name="Of">Null where the point does not have it.</param>
/// <param name="MoreIsBetter">True for throughputs.</param>
public sealed record CostMetric(string Name, string Unit, bool MoreIsBetter, Func<PointResult, double?> Of)
{
    /// <summary>
    /// Mean seconds between two tokens of a request, as the client sees them. The mean and not the median: steps shorter than
    /// the way to the client arrive in bunches, and the
    /// median is then that of tokens that came together.
    /// </summary>
    public static CostMetric InterToken { get; } = new("inter_token", "s", false, p => p.Summary.InterToken?.Mean);

    /// <summary>Mean seconds of a step that only decodes, by the server's own clock.</summary>
    public static CostMetric DecodeStep { get; } = new("decode_step", "s", false,
        p => p.Server is { DecodeSteps: > 0, DecodeSeconds: > 0 } s ? s.DecodeSeconds / s.DecodeSteps : null);

    /// <summary>Seconds of the server's time that a completion token takes, prompts included: one over the throughput.</summary>
    public static CostMetric SecondsPerToken { get; } = new("seconds_per_token", "s", false,
        p => p.Summary.TokensPerSecond > 0 ? 1 / p.Summary.TokensPerSecond : null);

    public static IReadOnlyList<CostMetric> All { get; } =
    [
        InterToken,
        new("inter_token_p50", "s", false, p => p.Summary.InterToken?.P50.Value),
        new("inter_token_p99", "s", false, p => p.Summary.InterToken?.P99.Value),
        DecodeStep,
        new("time_to_first_token", "s", false, p => p.Summary.TimeToFirstToken?.P50.Value),
        new("time_to_first_token_p99", "s", false, p => p.Summary.TimeToFirstToken?.P99.Value),
        new("end_to_end", "s", false, p => p.Summary.EndToEnd?.P50.Value),
        new("end_to_end_p99", "s", false, p => p.Summary.EndToEnd?.P99.Value),
        new("tokens_per_second", "tokens/s", true, p => p.Summary.TokensPerSecond),
        new("requests_per_second", "requests/s", true, p => p.Summary.RequestsPerSecond),
        new("goodput", "requests/s", true, p => p.Summary.GoodputPerSecond),
        SecondsPerToken,
    ];

    public override string ToString() => Name;
}
