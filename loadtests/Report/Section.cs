using Btx.Cli.Charts;

namespace Btx.LoadTests.Report;

/// <summary>One part of the report.</summary>
/// <param name="Id">Its anchor: letters and hyphens.</param>
public sealed record Section(string Id, string Title)
{
    /// <summary>What is found, before the pictures.</summary>
    public IReadOnlyList<string> Findings { get; init; } = [];

    public IReadOnlyList<Figure> Figures { get; init; } = [];

    /// <summary>Tables that no picture shows.</summary>
    public IReadOnlyList<ReportTable> Tables { get; init; } = [];

    /// <summary>What cannot be said, why, and which command would tell: a sentence each.</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];
}

/// <summary>A picture and the figures that it is drawn from.</summary>
/// <param name="Name">File name without its ending.</param>
public sealed record Figure(string Name, string Title, string Svg, ReportTable Table)
{
    public static Figure Of(Chart chart, ReportTable table) => new(chart.Name, chart.Title, chart.ToSvg(), table);
}

/// <summary>Rows of text. The first column names the row, the others hold figures; with a last column without a name, words.</summary>
public sealed record ReportTable(IReadOnlyList<string> Head, IReadOnlyList<IReadOnlyList<string>> Rows);
