namespace Btx.Cli.Charts;

/// <summary>Draws a chart: title, caption and legend, the names of marks, the plots, the axis that they share.</summary>
internal sealed class ChartPicture(Chart chart)
{
    // Text of this size is readable without zoom.
    private const double Width = 720, Side = 18, Between = 26;

    private readonly Svg _svg = new();

    public string Draw()
    {
        Series[] all = [.. chart.Panels.SelectMany(p => p.Series)];
        var y = Heading(_svg, chart.Title, chart.Caption, Width);
        y = Legend([.. all.Where(s => s.Listed).DistinctBy(s => (s.Name, s.Style))], y + 8);
        double[] values = [.. all.SelectMany(s => s.Points).SelectMany(p => (double[])[p.X, p.Left ?? p.X, p.Right ?? p.X]),
            .. chart.Marks.Select(m => m.At), .. chart.Shades.SelectMany(s => (double[])[s.From, s.To])];
        var across = Scale.Of(chart.X, values, 8, padded: true);
        Scale[] scales = [.. chart.Panels.Select(UpScale)];
        var labels = scales.SelectMany(s => s.Ticks.Select(t => TextWidth.Of(s.Label(t), Svg.Small))).DefaultIfEmpty(0).Max();
        double left = Side + Math.Min(labels, PanelPicture.MostName) + 10 + (chart.Panels.All(p => p.Y.Rows is not null) ? 0 : 18);
        var width = Width - left - Side;
        var names = chart.Marks.Concat(chart.Shades.Where(s => !s.Faint).Select(s => new Mark((s.From + s.To) / 2, s.Label)));
        y = Names([.. names.Select(n => (left + (width * across.Position(n.At)), n.Label))], left, y + 10);
        var undrawn = 0;
        foreach (var (panel, scale) in chart.Panels.Zip(scales))
        {
            var frame = new Frame(left, y, width, PanelPicture.HeightOf(panel), across, scale);
            undrawn += new PanelPicture(_svg, frame, panel).Draw(chart, Side + 8, last: panel == chart.Panels[^1]);
            y = frame.Bottom + Between;
        }

        _svg.Text("title-x", left + (width / 2), y += 14, chart.X.Title, Width - (2 * Side), Svg.Body);
        if (undrawn > 0)
            _svg.Text("undrawn", Side, y += 22, $"{undrawn} {(undrawn == 1 ? "value is" : "values are")} not drawn: none was measured, or "
                + "not above zero on a logarithmic axis");
        return _svg.ToSvg(chart.Name, chart.Title, Description(), Width, y + 18);
    }

    /// <summary>Title and caption, from the top; returns where the rest begins, px.</summary>
    public static double Heading(Svg svg, string title, string caption, double width)
    {
        var y = 12.0;
        foreach (var line in TextWidth.Wrap(title, Svg.Large * 1.03, width - (2 * Side))) svg.Text("title", Side, y += 20, line);
        foreach (var line in TextWidth.Wrap(caption, Svg.Small, width - (2 * Side))) svg.Text("caption", Side, y += 17, line);
        return y;
    }

    private double Legend(Series[] listed, double y)
    {
        const double row = 19, swatch = 30, gap = 18;
        if (listed.Length < 2) return y;
        var x = Side;
        y += row;
        foreach (var one in listed)
        {
            var wide = swatch + Math.Min(TextWidth.Of(one.Name, Svg.Small), Width - (2 * Side) - swatch);
            if (x > Side && x + wide > Width - Side) (x, y) = (Side, y + row);
            _svg.Group(one.Style, "", () =>
            {
                if (one.Joined) _svg.Polyline([(x, y - 4), (x + 24, y - 4)], one.Style.Dash);
                if (one.Marked) _svg.Marker(x + 12, y - 4, one.Style, "");
            });
            _svg.Text("legend", x + swatch, y, one.Name, Width - (2 * Side) - swatch);
            x += wide + gap;
        }

        return y + 6;
    }

    /// <summary>The names of marks and shades over the plots, in as many rows as keep them apart; returns the lower edge.</summary>
    private double Names(IEnumerable<(double X, string Text)> names, double left, double y)
    {
        const double row = 15;
        var ends = new List<double>();
        var placed = new List<(double X, double TextX, string Text, int Row)>();
        foreach (var (x, text) in names.Where(n => double.IsFinite(n.X) && n.Text.Length > 0).OrderBy(n => n.X))
        {
            var wide = Math.Min(TextWidth.Of(text, Svg.Small), 260);
            var at = Math.Clamp(x - (wide / 2), left, Math.Max(left, Width - 6 - wide));
            var free = ends.FindIndex(e => e + 8 <= at);
            if (free < 0) (free, ends) = (ends.Count, [.. ends, 0]);
            ends[free] = at + wide;
            placed.Add((x, at, text, free));
        }

        var bottom = y + (ends.Count * row);
        foreach (var (x, textX, text, at) in placed)
        {
            _svg.Text("mark", textX, bottom - (at * row) - 4, text, 260);
            if (at > 0) _svg.Line("mark", x, bottom - (at * row) - 2, x, bottom);
        }

        return bottom;
    }

    private static Scale UpScale(Panel panel)
    {
        double[] values = [.. panel.Series.SelectMany(s => s.Points).SelectMany(p => (double[])[p.Y, p.Low ?? p.Y, p.High ?? p.Y])
            .Concat(panel.Levels.Select(l => l.At)).Where(v => Math.Abs(v) <= 1e99)];
        // Room for labels under the lowest point, which would else stand on the axis.
        double[] below = values.Length > 0 && panel.Y is { FromZero: false, Logarithmic: false } && values.Min() is var least
            ? [Math.Max(least >= 0 ? 0 : double.MinValue, least - (0.06 * (values.Max() - least)))] : [];
        return Scale.Of(panel.Y, values.Concat(below), (int)Math.Clamp(panel.Height / 45, 2, 7));
    }

    private string Description() =>
        $"{string.Join("; ", chart.Panels.Select(p => string.Join(", ", p.Y.Rows ?? [p.Y.Title])))} against {chart.X.Title}."
        + (chart.Marks.Count == 0 ? "" : $" Marked: {string.Join(", ", chart.Marks.Select(m => m.Label))}.");
}
