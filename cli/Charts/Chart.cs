namespace Btx.Cli.Charts;

/// <summary>One or more plots above each other over one horizontal axis, as a self-contained SVG picture.</summary>
/// <param name="Name">File name without its ending: letters, digits and hyphens; other pictures of the same page have other names.</param>
/// <param name="Panels">From the top.</param>
public sealed record Chart(string Name, string Title, Axis X, IReadOnlyList<Panel> Panels)
{
    /// <summary>Under the title: what markers and bands are.</summary>
    public string Caption { get; init; } = "";

    public IReadOnlyList<Shade> Shades { get; init; } = [];

    /// <summary>Vertical lines, named over the plots.</summary>
    public IReadOnlyList<Mark> Marks { get; init; } = [];

    public string ToSvg() => new ChartPicture(this).Draw();
}

/// <summary>One plot of a chart.</summary>
public sealed record Panel(Axis Y, IReadOnlyList<Series> Series)
{
    /// <summary>Horizontal lines, such as a limit.</summary>
    public IReadOnlyList<Mark> Levels { get; init; } = [];

    /// <summary>Height of the plot, px; a plot of <see cref="Axis.Rows"/> is as high as its rows.</summary>
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

    /// <summary>Vertical axis: names of rows from the top, in the place of values; a point's Y is its row, from 0.</summary>
    public IReadOnlyList<string>? Rows { get; init; }
}

/// <summary>Values that belong together: a line, markers, or both.</summary>
/// <param name="Points">In drawing order; one that cannot be drawn breaks the line.</param>
public sealed record Series(string Name, IReadOnlyList<Datum> Points, SeriesStyle Style)
{
    /// <summary>Whether the points are joined by a line.</summary>
    public bool Joined { get; init; } = true;

    /// <summary>Whether each point has a marker.</summary>
    public bool Marked { get; init; } = true;

    /// <summary>Whether it stands in the legend; not for lines that explain themselves.</summary>
    public bool Listed { get; init; } = true;
}

/// <summary>A point in the units of the axes, with bands about Y (low, high) and about X (left, right); null without one.</summary>
/// <param name="Label">Written beside the point where there is room.</param>
public sealed record Datum(double X, double Y, double? Low = null, double? High = null, double? Left = null, double? Right = null,
    string? Label = null);

/// <summary>How a series is told from the others: never by colour alone. Colours and shapes are counted around.</summary>
/// <param name="Dash">0 solid, 1 dashed, 2 dotted, 3 dash and dot.</param>
/// <param name="Hollow">Markers drawn as outlines.</param>
public sealed record SeriesStyle(int Colour, int Shape, int Dash = 0, bool Hollow = false)
{
    /// <summary>A style for each position; the first 8 differ in colour and shape, later ones in dashes too.</summary>
    public static SeriesStyle Of(int index)
    {
        var round = index / Svg.Colours.Length;
        return new(index % Svg.Colours.Length, (index + round) % Svg.Shapes.Length, round % 4, round % 2 == 1);
    }
}

/// <summary>A line across a chart at a value of one axis, such as the knee of a load curve.</summary>
public sealed record Mark(double At, string Label);

/// <summary>A stretch of the horizontal axis that is shaded, such as the time of a change.</summary>
/// <param name="Faint">Half as dark, without a name: what follows from it.</param>
public sealed record Shade(double From, double To, string Label, bool Faint = false);
