namespace Btx.LoadTests.Charts;

/// <summary>What stands over a plot: title, caption, legend.</summary>
internal static class Heading
{
    private const double Side = 18, Row = 19, Swatch = 30, Gap = 18;

    /// <summary>Draws it from the top. </summary>
    /// <returns>Where the rest begins, px.</returns>
    public static double Draw(SvgCanvas canvas, double width, string title, string caption, IReadOnlyList<Series> series)
    {
        var y = 12.0;
        foreach (var line in TextWidth.Wrap(title, SvgCanvas.Large * 1.03, width - (2 * Side)))
            canvas.Text(Side, y += 20, line, SvgCanvas.Large, bold: true);
        foreach (var line in TextWidth.Wrap(caption, SvgCanvas.Small, width - (2 * Side)))
            canvas.Text(Side, y += 17, line, SvgCanvas.Small, muted: true);
        return Legend(canvas, width, y + 8, series);
    }

    private static double Legend(SvgCanvas canvas, double width, double y, IReadOnlyList<Series> series)
    {
        var listed = series.Where(s => s.Listed).DistinctBy(s => (s.Name, s.Style)).ToArray();
        if (listed.Length < 2) return y;
        var x = Side;
        y += Row;
        foreach (var one in listed)
        {
            var name = TextWidth.Fit(one.Name, 12, width - (2 * Side) - Swatch);
            var wide = Swatch + TextWidth.Of(name, 12);
            if (x > Side && x + wide > width - Side) (x, y) = (Side, y + Row);
            canvas.BeginSeries(one.Style, one.Name);
            if (one.Joined) canvas.Polyline([(x, y - 4), (x + 24, y - 4)], one.Style);
            if (one.Marked) canvas.Marker(x + 12, y - 4, one.Style, null);
            canvas.EndSeries();
            canvas.Text(x + Swatch, y, name, 12, hover: name == one.Name ? null : one.Name, kind: "legend");
            x += wide + Gap;
        }

        return y + 6;
    }
}
