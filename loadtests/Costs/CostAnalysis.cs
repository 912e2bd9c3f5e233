using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>What a run's points say together: <see cref="RunDirectory.Fits"/>.</summary>
public sealed record CostAnalysis
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    /// <summary>How much each figure varies between repeats.</summary>
    public required IReadOnlyList<NoiseFigure> Noise { get; init; }

    /// <summary>a + b·k and A + k·F, one for each load, precision and set of options, and for each quantity.</summary>
    public required IReadOnlyList<CostLine> Lines { get; init; }

    /// <summary>Step time against the experts that a batch touches together.</summary>
    public required IReadOnlyList<UnionFit> Unions { get; init; }

    /// <summary>Load against throughput and latency, up to saturation.</summary>
    public required IReadOnlyList<LoadCurve> Curves { get; init; }

    /// <summary>One for each load; empty without quality.</summary>
    public required IReadOnlyList<Frontier> Frontiers { get; init; }

    public required IReadOnlyList<Recommendation> Recommendations { get; init; }

    /// <summary>What could not be said, and why: a sentence each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
}
