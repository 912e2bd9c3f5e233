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
