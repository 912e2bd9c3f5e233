namespace Btx.LoadTests.Records;

/// <summary>What a request has to do to count: each limit in seconds, null where there is none. A request meets it if all hold.</summary>
/// <param name="InterToken">Of the request's mean gap between tokens.</param>
/// <param name="Share">Share of requests that must meet it for a point to meet the objective, 0 to 1.</param>
public sealed record ServiceObjective(double? TimeToFirstToken, double? InterToken, double? EndToEnd, double Share = 0.99);
