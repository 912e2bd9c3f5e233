namespace Btx.LoadTests.Charts;

/// <summary>A line across a chart at a value of one axis, such as the knee of a load curve.</summary>
/// <param name="At">In the axis' units.</param>
public sealed record Mark(double At, string Label);
