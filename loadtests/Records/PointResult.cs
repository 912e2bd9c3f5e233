namespace Btx.LoadTests.Records;

/// <summary>One measured point: one line of a run's <c>points.jsonl</c>.</summary>
public sealed record PointResult
{
    public required PointSettings Settings { get; init; }

    /// <summary>Which of the settings' repeats, from 0.</summary>
    public required int Repeat { get; init; }

    /// <summary>Position in the shuffled order, from 0.</summary>
    public required int Order { get; init; }

    /// <summary>The point that is measured again and again: how it varies is the machine's noise.</summary>
    public bool Reference { get; init; }

    public required DateTimeOffset Started { get; init; }

    public required LoadSummary Summary { get; init; }

    /// <summary>Null for peers without metrics.</summary>
    public ServerFigures? Server { get; init; }

    /// <summary>Experts that were served, and in the BTX model; null for peers.</summary>
    public int? Experts { get; init; }

    public int? MixtureExperts { get; init; }

    /// <summary>A peer's own words on what it is and how it runs; null for the server.</summary>
    public string? Peer { get; init; }
}

/// <summary>A figure with its 95 % confidence interval; <see cref="Low"/> and <see cref="High"/> are null
/// where too few values were seen for one.</summary>
/// <param name="Count">Values that it is made of.</param>
public sealed record Estimate(double Value, double? Low, double? High, int Count);

/// <summary>The distribution of one latency, seconds.</summary>
public sealed record LatencyFigures(Estimate P50, Estimate P90, Estimate P99, double Mean, double Max);

/// <summary>What a request has to do to count: each limit in seconds, null where there is none. A request meets it if all hold.</summary>
/// <param name="InterToken">Of the request's mean gap between tokens.</param>
/// <param name="Share">Share of requests that must meet it for a point to meet the objective, 0 to 1.</param>
public sealed record ServiceObjective(double? TimeToFirstToken, double? InterToken, double? EndToEnd, double Share = 0.99);
