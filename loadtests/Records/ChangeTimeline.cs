namespace Btx.LoadTests.Records;

/// <summary>A constant load over which an expert is added and removed. Times are seconds since the load began.</summary>
public sealed record ChangeTimeline
{
    public required string Expert { get; init; }

    public required IReadOnlyList<Change> Changes { get; init; }

    public required IReadOnlyList<Window> Windows { get; init; }

    public required int Requests { get; init; }

    public required int Failed { get; init; }

    /// <param name="Kind"><c>add</c> or <c>remove</c>.</param>
    /// <param name="End">When the call returned.</param>
    /// <param name="Phases">What the server reported on the way, and when.</param>
    /// <param name="Background">When what is made after the answer (prepacked sessions,
    /// averages) was ready; null if that is not known.</param>
    public sealed record Change(string Kind, string Id, double Begin, double End, double? Background, IReadOnlyList<Phase> Phases);

    public sealed record Phase(string Name, double At);

    /// <summary>The gaps between tokens in a slice of time; null where no token arrived.</summary>
    public sealed record Window(double From, double To, double? MedianGap, double? P99Gap, double? WorstGap, double TokensPerSecond,
        int Failed);
}
