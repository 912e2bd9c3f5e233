namespace Btx.LoadTests.Planning;

/// <summary>The planning's own formulas against what was measured.</summary>
public sealed record PlanCheck
{
    public required string Directory { get; init; }

    /// <summary>Closed loop; each predicted from the other settings of its kind, never from itself.</summary>
    public required IReadOnlyList<CheckedPoint> Points { get; init; }

    /// <summary>Open loop: the load at which a server saturates, from the closed loop's costs.</summary>
    public required IReadOnlyList<CheckedKnee> Knees { get; init; }

    /// <summary>Median of |predicted / measured - 1|; 0 without points.</summary>
    public double MedianError => Points.Count == 0 ? 0
        : Statistics.Median.Value(Points.Select(p => Math.Abs((p.Predicted / p.Measured) - 1)));

    public double WorstError => Points.Count == 0 ? 0 : Points.Max(p => Math.Abs((p.Predicted / p.Measured) - 1));

    public required IReadOnlyList<string> Notes { get; init; }
}

/// <param name="Measured">Requests a second, between <paramref name="Low"/> and <paramref name="High"/>.</param>
/// <param name="Predicted">Requests a second.</param>
public sealed record CheckedKnee(string Name, double Measured, double Low, double High, double Predicted);

/// <param name="Measured">Tokens a second.</param>
/// <param name="Predicted">Tokens a second.</param>
public sealed record CheckedPoint(string Name, double Measured, double Predicted);
