namespace Btx.LoadTests.Charts;

/// <summary>A point of a series in the units of the axes, with its band.</summary>
/// <param name="Low">Lower end of the band about <paramref name="Y"/> (in a <see cref="DotChart"/> about <paramref name="X"/>); null
/// without one. So is <paramref name="High"/>.</param>
/// <param name="Label">Written beside the point where there is room.</param>
public sealed record Datum(double X, double Y, double? Low = null, double? High = null, string? Label = null)
{
    /// <summary>A band about <see cref="X"/> as well; null without one. So is <see cref="Right"/>.</summary>
    public double? Left { get; init; }

    public double? Right { get; init; }
}
