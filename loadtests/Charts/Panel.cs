namespace Btx.LoadTests.Charts;

/// <summary>One plot of a chart; those of a chart stand above each other and share the horizontal axis.</summary>
public sealed record Panel(Axis Y, IReadOnlyList<Series> Series)
{
    /// <summary>Horizontal lines, such as a limit.</summary>
    public IReadOnlyList<Mark> Levels { get; init; } = [];

    /// <summary>Height of the plot, px.</summary>
    public double Height { get; init; } = 260;
}
