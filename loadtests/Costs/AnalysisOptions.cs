using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

public sealed record AnalysisOptions
{
    /// <summary>How far a point may lie from a model before the model is said to break there, as a share; twice the
    /// noise is allowed where that is more.</summary>
    public double Tolerance { get; init; } = 0.05;

    /// <summary>What to recommend settings for; null: for none.</summary>
    public ServiceObjective? Objective { get; init; }

    /// <summary>Per cent of the full ensemble's bits per byte that a cheaper model may lose.</summary>
    public IReadOnlyList<double> WithinPercent { get; init; } = [1];

    /// <summary>Share of a point's requests that met the objective; null where that is not known. Unless set: from the point's goodput,
    /// which is of the run's own objective.</summary>
    public Func<PointResult, double?> ShareMet { get; init; } = p => p.Summary is { GoodputPerSecond: { } goodput, Requests: > 0 } s
        ? Math.Min(1, goodput * s.Seconds / s.Requests) : null;
}
