namespace Btx.LoadTests.Charts;

/// <summary>One plot of a chart; those of a chart stand above each other and share the horizontal axis.</summary>
public sealed record Panel(Axis Y, IReadOnlyList<Series> Series)
{
    /// <summary>Horizontal lines, such as a limit.</summary>
    public IReadOnlyList<Mark> Levels { get; init; } = [];

    /// <summary>Height of the plot, px.</summary>
    public double Height { get; init; } = 260;
}

/// <summary>What one direction of a chart shows.</summary>
/// <param name="Title">Quantity and unit: <c>time to first token (ms)</c>.</param>
public sealed record Axis(string Title)
{
    /// <summary>Powers of ten at equal distances; values of zero and below have no place on it.</summary>
    public bool Logarithmic { get; init; }

    /// <summary>Whether a linear axis begins at zero.</summary>
    public bool FromZero { get; init; }

    /// <summary>Whether only whole numbers are marked: counts.</summary>
    public bool Whole { get; init; }

    /// <summary>The values to mark, where they are known; else round ones.</summary>
    public IReadOnlyList<double>? Ticks { get; init; }
}

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

/// <summary>Where a plot stands in its picture (px), and the scales that place values in it.</summary>
internal sealed record Frame(double Left, double Top, double Width, double Height, Scale Across, Scale Up)
{
    public double Right => Left + Width;

    public double Bottom => Top + Height;

    /// <summary>NaN where the value has no place.</summary>
    public double X(double value) => Left + (Width * Across.Position(value));

    public double Y(double value) => Bottom - (Height * Up.Position(value));

    public bool Holds(double x, double y) =>
        double.IsFinite(x) && double.IsFinite(y) && x >= Left - 0.01 && x <= Right + 0.01 && y >= Top - 0.01 && y <= Bottom + 0.01;
}

/// <summary>A line across a chart at a value of one axis, such as the knee of a load curve.</summary>
/// <param name="At">In the axis' units.</param>
public sealed record Mark(double At, string Label);

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

/// <summary>How a series is told from the others: never by colour alone.</summary>
/// <param name="Colour">Position in <see cref="Palette"/>; counted around.</param>
/// <param name="Shape">Position in <see cref="Markers"/>; counted around.</param>
/// <param name="Dash">0 solid, 1 dashed, 2 dotted, 3 dash and dot.</param>
/// <param name="Hollow">Markers drawn as outlines.</param>
public sealed record SeriesStyle(int Colour, int Shape, int Dash = 0, bool Hollow = false)
{
    /// <summary>A style for each position; the first 8 differ in colour and shape, later ones in dashes too.</summary>
    public static SeriesStyle Of(int index)
    {
        var round = index / Palette.Count;
        return new(index % Palette.Count, (index + round) % Markers.Count, round % 4, round % 2 == 1);
    }
}

/// <summary>A stretch of the horizontal axis that is shaded, such as the time of a change.</summary>
/// <param name="Faint">Half as dark: what follows from it.</param>
public sealed record Shade(double From, double To, string Label, bool Faint = false);
