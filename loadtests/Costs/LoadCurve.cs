using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>One model under growing load.</summary>
public sealed record LoadCurve
{
    public required string Mode { get; init; }

    public int? K { get; init; }

    public required string Precision { get; init; }

    public required IReadOnlyDictionary<string, string> Options { get; init; }

    /// <summary><c>open</c>: the load is requests a second; <c>closed</c>: requests in flight.</summary>
    public required string Load { get; init; }

    /// <summary>In ascending order of load; two or more.</summary>
    public required IReadOnlyList<LoadCurvePoint> Points { get; init; }

    /// <summary>Null if it was not reached or cannot be told.</summary>
    public Knee? Knee { get; init; }

    /// <summary>What was found, in a sentence, whether or not there is a knee.</summary>
    public required string Finding { get; init; }
}
