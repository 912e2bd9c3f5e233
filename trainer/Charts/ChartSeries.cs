namespace Btx.Trainer.Charts;

/// <summary>One line of a <see cref="LineChart"/>. Points that are not finite break the line.</summary>
/// <param name="Name">Name in the legend.</param>
/// <param name="Points">Coordinates in the axes' units, in drawing order.</param>
public sealed record ChartSeries(string Name, IReadOnlyList<(double X, double Y)> Points);
