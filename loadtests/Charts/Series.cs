namespace Btx.LoadTests.Charts;

/// <summary>Values that belong together: a line, markers, or both.</summary>
/// <param name="Name">In the legend.</param>
/// <param name="Points">In drawing order.</param>
/// <param name="Style">Colour, shape and dashes.</param>
public sealed record Series(string Name, IReadOnlyList<Datum> Points, SeriesStyle Style)
{
    /// <summary>Whether the points are joined by a line; a point that cannot be drawn breaks it.</summary>
    public bool Joined { get; init; } = true;

    /// <summary>Whether each point has a marker.</summary>
    public bool Marked { get; init; } = true;

    /// <summary>A name in the legend; not for lines that explain themselves.</summary>
    public bool Listed { get; init; } = true;
}
