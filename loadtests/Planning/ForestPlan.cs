namespace Btx.LoadTests.Planning;

/// <summary>A forest, or a BTX model, of so many experts.</summary>
public sealed record ForestPlan
{
    public required int Experts { get; init; }

    /// <summary>Weights and the keys and values of its slots.</summary>
    public required double BytesPerExpert { get; init; }

    public required double WeightBytesPerExpert { get; init; }

    /// <summary>With their keys and values.</summary>
    public required int ExpertsPerDevice { get; init; }

    /// <summary>Every replica has every expert; null if a machine has too few devices for that.</summary>
    public WholeForest? Whole { get; init; }

    /// <summary>Devices have some experts each, a router sends a request to those that it needs; null for a BTX model, whose layers need
    /// all of them, and where one device does.</summary>
    public ShardedForest? Sharded { get; init; }

    /// <summary><c>whole</c> or <c>sharded</c>: what takes fewer devices; null if neither serves the load.</summary>
    public string? Fewest { get; init; }

    /// <summary>The same of what the server does as it is: a replica on one device, or a server for each share of
    /// the experts behind a router by domain.</summary>
    public string? FewestToday { get; init; }

    /// <summary>A sentence each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
}

/// <summary>Experts placed on devices by their load, the hot ones more than once.</summary>
/// <param name="Devices">On each of them some experts.</param>
/// <param name="HighestUtilisation">Of the busiest device.</param>
/// <param name="MeanUtilisation">Of all.</param>
/// <param name="MostCopies">Of the hottest expert.</param>
/// <param name="InterToken">Seconds, mean of the busiest device.</param>
/// <param name="TimeToFirstToken">Seconds, mean, by the busiest device.</param>
/// <param name="Placement">Numbers of the experts on each device, 0 the most asked for.</param>
public sealed record ShardedForest(
    int Devices, int Machines, double HighestUtilisation, double MeanUtilisation, int MostCopies, double InterToken,
    double TimeToFirstToken, IReadOnlyList<IReadOnlyList<int>> Placement);

/// <summary>Replicas of everything.</summary>
/// <param name="DevicesPerReplica">That the experts are spread over.</param>
/// <param name="Batch">Requests at a time that the plan counts on.</param>
/// <param name="Capacity">Requests a second of a replica that never waits.</param>
/// <param name="Utilisation">Of a replica, with the load spread evenly.</param>
/// <param name="TimeToFirstToken">Seconds, mean.</param>
/// <param name="InterToken">Seconds, mean at that batch, with the prompts of others between the steps.</param>
/// <param name="PromptSeconds">For one request, alone.</param>
public sealed record WholeForest(
    int DevicesPerReplica, int Replicas, int Machines, int Batch, double Capacity, double Utilisation, double TimeToFirstToken,
    double InterToken, double PromptSeconds);
