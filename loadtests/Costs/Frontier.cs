namespace Btx.LoadTests.Costs;

/// <summary>Cost against quality at one load: which points are beaten by none.</summary>
/// <param name="Where">The load, in words: <c>concurrency 4</c>.</param>
/// <param name="Cost">Name of the metric that is the cost: <c>seconds_per_token</c> in the closed loop; <c>inter_token</c> in the open
/// loop, where the throughput is what was offered.</param>
/// <param name="Domains">That quality is known for.</param>
/// <param name="Points">In ascending order of cost.</param>
public sealed record Frontier(string Where, int? Concurrency, double? Rate, string Cost, IReadOnlyList<string> Domains,
    IReadOnlyList<FrontierPoint> Points);
