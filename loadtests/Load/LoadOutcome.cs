using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Load;

/// <summary>What a load left behind.</summary>
public sealed record LoadOutcome
{
    /// <summary>In the order in which they ended, warm-up included.</summary>
    public required IReadOnlyList<RequestRecord> Records { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>Seconds since the load began: the time that is measured.</summary>
    public required double From { get; init; }

    public required double To { get; init; }

    /// <summary>Of the same time; null where the server shows no metrics of that kind.</summary>
    public ServerFigures? Server { get; init; }

    /// <summary>Stopped before a bound was met.</summary>
    public bool Stopped { get; init; }

    /// <summary>Why the load was given up; null: it was not.</summary>
    public string? GivenUp { get; init; }

    /// <summary>Processor seconds that this process used a second, while it measured.</summary>
    public double ProcessorShare { get; init; }

    public LoadSummary Summarise(ServiceObjective? objective = null) => LoadFigures.Of(Records, From, To, objective);
}
