using System.Globalization;

namespace Btx.LoadTests.Charts;

/// <summary>Rows with a name and a value or several, such as ratios with their intervals, as a self-contained SVG picture.</summary>
/// <param name="Name">File name without its ending: letters, digits and hyphens.</param>
/// <param name="Title">Headline.</param>
/// <param name="X">The axis of the values.</param>
/// <param name="Rows">Names of the rows, from the top.</param>
/// <param name="Series">Of each point, <see cref="Datum.Y"/> is the row, from 0, and the band is about <see cref="Datum.X"/>.</param>
public sealed record DotChart(string Name, string Title, Axis X, IReadOnlyList<string> Rows, IReadOnlyList<Series> Series)
{
    private const double Side = 18, MostName = 250;

    /// <summary>Under the title: what markers and bands are.</summary>
    public string Caption { get; init; } = "";

    /// <summary>Vertical lines, such as a ratio of 1.</summary>
    public IReadOnlyList<Mark> Marks { get; init; } = [];

    /// <summary>The picture as SVG.</summary>
    public string ToSvg()
    {
        var canvas = new SvgCanvas();
        var y = Heading.Draw(canvas, Chart.Width, Title, Caption, Series);
        var scale = Scale.Of(X, [.. Series.SelectMany(s => s.Points).SelectMany(p => (double[])[p.X, p.Low ?? p.X, p.High ?? p.X]),
            .. Marks.Select(m => m.At)], 6, padded: true);
        string[] names = [.. Rows.Select(r => TextWidth.Fit(r, 12, MostName))];
        double left = Side + names.Select(n => TextWidth.Of(n, 12)).DefaultIfEmpty(0).Max() + 12, width = Chart.Width - left - Side;
        var row = Math.Max(24, (Lanes * 11) + 8);
        var strip = MarkStrip.Of(Marks.Select(m => (left + (width * scale.Position(m.At)), m.Label)), left, Chart.Width - 6);
        y += strip.Height + 10;
        strip.Draw(canvas, y);
        var frame = new Frame(left, y, width, Math.Max(1, Rows.Count) * row, scale, Scale.Of(new Axis(""), [0, 1], 1));
        Chart.AcrossTicks(canvas, frame, named: true);
        for (var i = 0; i < names.Length; i++)
        {
            if (i > 0) canvas.Rule(Side, frame.Top + (i * row), frame.Right, frame.Top + (i * row));
            canvas.Text(left - 10, frame.Top + ((i + 0.5) * row) + 4, names[i], 12, "end", hover: names[i] == Rows[i] ? null : Rows[i],
                kind: "row");
        }

        canvas.AxisLine(frame.Left, frame.Bottom, frame.Right, frame.Bottom);
        foreach (var x in Marks.Select(m => frame.X(m.At)).Where(x => frame.Holds(x, frame.Top)))
            canvas.AxisLine(x, frame.Top, x, frame.Bottom, dashed: true, kind: "mark");
        var undrawn = 0;
        for (var i = 0; i < Series.Count; i++) undrawn += Dots(canvas, frame, Series[i], i, row);
        if (undrawn == Series.Sum(s => s.Points.Count))
            canvas.Text(frame.Left + (width / 2), frame.Top + (frame.Height / 2) + 4, "no values", SvgCanvas.Body, "middle", muted: true,
                kind: "empty");
        y = frame.Bottom + 40;
        canvas.Text(left + (width / 2), y, TextWidth.Fit(X.Title, SvgCanvas.Body, width + 60), SvgCanvas.Body, "middle", kind: "title-x");
        if (undrawn > 0) canvas.Text(Side, y += 18, Chart.Undrawn(undrawn), SvgCanvas.Small, muted: true, kind: "undrawn");
        return canvas.ToSvg(Name,
            Title, $"{X.Title} of {string.Join(", ", Rows)}. Series: {string.Join(", ", Series.Select(s => s.Name))}. {Caption}",
            Chart.Width, y + 14);
    }

    /// <summary>As many lanes in a row as series, up to four: dots that share a row do not cover each other.</summary>
    private int Lanes => Math.Clamp(Series.Count, 1, 4);

    private int Dots(SvgCanvas canvas, Frame frame, Series series, int index, double row)
    {
        var undrawn = 0;
        canvas.BeginSeries(series.Style, series.Name);
        foreach (var p in series.Points)
        {
            double x = frame.X(p.X), y = frame.Top + ((p.Y + 0.5) * row) + ((((index % Lanes) + 0.5) - (Lanes / 2.0)) * 11);
            if (!frame.Holds(x, y))
            {
                undrawn++;
                continue;
            }

            var band = p is { Low: { } low, High: { } high } && double.IsFinite(low) && double.IsFinite(high);
            if (band) canvas.Whisker(End(frame, p.Low!.Value), y, End(frame, p.High!.Value), y);
            canvas.Marker(x, y, series.Style, string.Create(
                CultureInfo.InvariantCulture, $"{Rows[(int)p.Y]}, {series.Name}: {p.X:G4}{(band ? $" ({p.Low:G4} to {p.High:G4})" : "")}"));
        }

        canvas.EndSeries();
        return undrawn;
    }

    private static double End(Frame frame, double value) => double.IsFinite(frame.X(value))
        ? Math.Clamp(frame.X(value), frame.Left, frame.Right) : value > 1 ? frame.Right : frame.Left;
}
