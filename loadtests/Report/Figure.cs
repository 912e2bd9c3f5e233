using Btx.LoadTests.Charts;

namespace Btx.LoadTests.Report;

/// <summary>A picture and the figures that it is drawn from.</summary>
/// <param name="Name">File name without its ending.</param>
public sealed record Figure(string Name, string Title, string Svg, ReportTable Table)
{
    public static Figure Of(Chart chart, ReportTable table) => new(chart.Name, chart.Title, chart.ToSvg(), table);

    public static Figure Of(DotChart chart, ReportTable table) => new(chart.Name, chart.Title, chart.ToSvg(), table);
}
