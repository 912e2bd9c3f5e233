using Btx.Model.Files;

namespace Btx.Trainer.Charts;

/// <summary>A chart of one or more lines, such as loss over tokens, as a self-contained SVG picture.</summary>
/// <param name="Title">Headline.</param>
/// <param name="XAxis">What the horizontal axis shows, with its unit: <c>tokens</c>.</param>
/// <param name="YAxis">What the vertical axis shows, with its unit: <c>loss (nats per token)</c>.</param>
/// <param name="Series">The lines; told apart by colour and, from the ninth on, by dashes.</param>
public sealed record LineChart(string Title, string XAxis, string YAxis, IReadOnlyList<ChartSeries> Series)
{
    private const double Width = 860, Height = 460, Left = 76, Top = 56, Bottom = 62;
    private const int MostPoints = 1500;
    private static readonly string[] Colours = ["#2563c9", "#d9572b", "#1f8f5f", "#8a46b8", "#b7860b", "#c2356b", "#0d8ca3", "#6b7280"];
    private static readonly string[] Dashes = ["", "6 4", "2 4"];

    /// <summary>The picture as SVG.</summary>
    public string ToSvg()
    {
        var legend = Series.Count == 0 ? 0 : Math.Min(240, Series.Max(s => SvgText.WidthOf(s.Name, 12)) + 48);
        var rows = Math.Max(Height, Top + Bottom + (Series.Count * 20));
        double plotWidth = Width - Left - legend - 24, plotHeight = rows - Top - Bottom;
        var x = AxisScale.Of(Series.SelectMany(s => s.Points.Select(p => p.X)), 6);
        var y = AxisScale.Of(Series.SelectMany(s => s.Points.Select(p => p.Y)), 6);
        var svg = new SvgText(Width, rows, Title);
        svg.Write(Left, 32, Title, 17, bold: true);
        foreach (var tick in y.Ticks())
        {
            var at = Top + (plotHeight * (1 - y.Position(tick)));
            svg.Line(Left, at, Left + plotWidth, at, SvgText.Rule);
            svg.Write(Left - 8, at + 4, y.Label(tick), 11.5, SvgText.Muted, "end");
        }

        foreach (var tick in x.Ticks())
        {
            var at = Left + (plotWidth * x.Position(tick));
            svg.Line(at, Top + plotHeight, at, Top + plotHeight + 5, SvgText.Muted);
            svg.Write(at, Top + plotHeight + 20, x.Label(tick), 11.5, SvgText.Muted, "middle");
        }

        svg.Line(Left, Top + plotHeight, Left + plotWidth, Top + plotHeight, SvgText.Muted);
        svg.Write(Left + (plotWidth / 2), rows - 16, XAxis, 12.5, SvgText.Ink, "middle");
        svg.Write(20, Top + (plotHeight / 2), YAxis, 12.5, SvgText.Ink, "middle", rotate: -90);
        for (var i = 0; i < Series.Count; i++)
        {
            var (colour, dashes) = (Colours[i % Colours.Length], Dashes[i / Colours.Length % Dashes.Length]);
            foreach (var run in Runs(Series[i].Points))
                svg.Polyline([.. run.Select(p => (Left + (plotWidth * x.Position(p.X)), Top + (plotHeight * (1 - y.Position(p.Y)))))],
                    colour, dashes);
            var row = Top + 8 + (i * 20);
            svg.Polyline([(Left + plotWidth + 18, row), (Left + plotWidth + 40, row)], colour, dashes);
            svg.Write(Left + plotWidth + 46, row + 4, Series[i].Name, 12);
        }

        return svg.ToString();
    }

    /// <summary>Writes the picture, whole or not at all.</summary>
    public void Save(string path) => AtomicFile.WriteText(path, ToSvg());

    /// <summary>The finite stretches of a line, thinned so that the file stays small: of every group of points the mean is drawn.</summary>
    private static List<List<(double X, double Y)>> Runs(IReadOnlyList<(double X, double Y)> points)
    {
        var group = (points.Count + MostPoints - 1) / MostPoints;
        var runs = new List<List<(double X, double Y)>>();
        List<(double X, double Y)>? run = null;
        for (var start = 0; start < points.Count; start += group)
        {
            var end = Math.Min(points.Count, start + group);
            double x = 0, y = 0;
            for (var i = start; i < end; i++) (x, y) = (x + points[i].X, y + points[i].Y);
            if (!double.IsFinite(x) || !double.IsFinite(y))
            {
                run = null;
                continue;
            }

            if (run is null) runs.Add(run = []);
            run.Add((x / (end - start), y / (end - start)));
        }

        return runs;
    }
}
