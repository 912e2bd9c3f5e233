using System.Globalization;

namespace Btx.Cli.Charts;

/// <summary>Draws one plot: grid, shades, bands, lines, markers, labels.</summary>
internal sealed class PanelPicture(Svg svg, Frame frame, Panel panel)
{
    /// <summary>Names of rows are cut to this width, px.</summary>
    public const double MostName = 250;

    private const double Lane = 11;

    private readonly LabelPlacer _labels = new(frame);

    public static double HeightOf(Panel panel) =>
        panel.Y.Rows is { } rows ? Math.Max(1, rows.Count) * Math.Max(24, (Lanes(panel) * Lane) + 8) : panel.Height;

    /// <returns>How many values had no place on the axes.</returns>
    public int Draw(Chart chart, double titleX, bool last)
    {
        Axes(titleX, last);
        foreach (var shade in chart.Shades)
        {
            double from = frame.X(Math.Max(shade.From, frame.Across.Least)), to = frame.X(Math.Min(shade.To, frame.Across.Most));
            var kind = shade.Faint ? "shade faint" : "shade";
            if (to >= from) svg.Rectangle(kind, from, frame.Top, Math.Max(1, to - from), frame.Height, hover: shade.Label);
        }

        Mark[] levels = [.. panel.Levels.Where(l => frame.Holds(frame.Left, frame.Y(l.At)))];
        foreach (var y in levels.Select(l => frame.Y(l.At))) Line("level", frame.Left, y, frame.Right, y);
        foreach (var x in chart.Marks.Select(m => frame.X(m.At)).Where(x => frame.Holds(x, frame.Top)))
            Line("mark", x, frame.Top, x, frame.Bottom);
        for (var i = 0; i < panel.Series.Count; i++)
        {
            var (series, index) = (panel.Series[i], i);
            svg.Group(series.Style, series.Name, () => Draw(series, index));
        }

        foreach (var level in levels)
        {
            var (x, y) = _labels.Beside(frame.Y(level.At), level.Label);
            svg.Text("level", x, y, level.Label, frame.Width - 12);
        }

        foreach (var p in panel.Series.SelectMany(s => s.Points).Where(p => p.Label is { Length: > 0 } && Drawable(p, 0)))
        {
            var (x, y) = (frame.X(p.X), frame.Y(p.Y));
            if (_labels.Place(x, y, p.Label!) is not { } place) continue;
            if (place.Leader is { } end) svg.Line("axis", x, y, end.X, end.Y);
            svg.Text("label", place.X, place.Y, p.Label!, LabelPlacer.MostLabel);
        }

        var drawn = panel.Series.Select((s, i) => s.Points.Count(p => Drawable(p, i))).Sum();
        if (drawn == 0) svg.Text("empty", frame.Left + (frame.Width / 2), frame.Top + (frame.Height / 2) + 4, "no values");
        return panel.Series.Sum(s => s.Points.Count) - drawn;
    }

    private static int Lanes(Panel panel) => Math.Clamp(panel.Series.Count, 1, 4);

    private void Axes(double titleX, bool last)
    {
        double[] ups = [.. frame.Up.Ticks.Select(frame.Y)], acrosses = [.. frame.Across.Ticks.Select(frame.X)];
        var rows = panel.Y.Rows is not null;
        var between = rows && ups.Length > 1 ? (ups[1] - ups[0]) / 2 : 0;
        svg.Lines("rule", [.. acrosses.Select(x => (x, frame.Top, x, frame.Bottom)),
            .. ups.Select(y => (frame.Left, y - between, frame.Right, y - between))]);
        svg.Lines("axis", [(frame.Left, frame.Top, frame.Left, frame.Bottom), (frame.Left, frame.Bottom, frame.Right, frame.Bottom)]);
        foreach (var tick in frame.Up.Ticks)
            svg.Text(rows ? "row" : "tick-y", frame.Left - 8, frame.Y(tick) + 4, frame.Up.Label(tick), MostName);
        if (!rows)
            svg.Text("title-y", titleX, frame.Top + (frame.Height / 2), panel.Y.Title, frame.Height + 30, Svg.Body, turn: -90);
        // A label that would touch the one before it is left out.
        var end = double.NegativeInfinity;
        foreach (var tick in frame.Across.Ticks.Where(_ => last))
        {
            var (x, text) = (frame.X(tick), frame.Across.Label(tick));
            var half = TextWidth.Of(text, Svg.Small) / 2;
            if (x - half < end + 6) continue;
            svg.Text("tick-x", x, frame.Bottom + 17, text);
            end = x + half;
        }
    }

    private void Line(string kind, double x1, double y1, double x2, double y2)
    {
        svg.Line(kind, x1, y1, x2, y2);
        _labels.Occupy((x1, y1), (x2, y2));
    }

    private void Draw(Series series, int index)
    {
        List<(double X1, double Y1, double X2, double Y2)> bars = [];
        foreach (var run in Runs(series, index))
        {
            var band = run.Where(p => Both(p.Low, p.High)).ToArray();
            if (series.Joined && run.Count > 1 && band.Length > 1)
                svg.Band([.. band.Select(p => (frame.X(p.X), frame.EndY(p.High!.Value))),
                    .. band.Reverse().Select(p => (frame.X(p.X), frame.EndY(p.Low!.Value)))]);
            else
                bars.AddRange(band.Select(p => (frame.X(p.X), frame.EndY(p.Low!.Value), frame.X(p.X), frame.EndY(p.High!.Value))));
            bars.AddRange(run.Where(p => Both(p.Left, p.Right))
                .Select(p => (frame.EndX(p.Left!.Value), Y(p, index), frame.EndX(p.Right!.Value), Y(p, index))));
            if (!series.Joined || run.Count < 2) continue;
            (double X, double Y)[] line = [.. run.Select(p => (frame.X(p.X), Y(p, index)))];
            svg.Polyline(line, series.Style.Dash);
            for (var i = 1; i < line.Length; i++) _labels.Occupy(line[i - 1], line[i]);
        }

        foreach (var (x1, y1, x2, y2) in bars) _labels.Occupy((x1, y1), (x2, y2));
        if (bars.Count > 0) svg.Lines("bar", bars);
        if (!series.Marked) return;
        (double X, double Y, string Hover)[] points = [.. series.Points.Where(p => Drawable(p, index))
            .Select(p => (frame.X(p.X), Y(p, index), Hover(p)))];
        foreach (var (x, y, _) in points) _labels.Occupy(x, y);
        if (points.Length > Svg.Crowd) svg.Dots(points.Select(p => (p.X, p.Y)));
        else foreach (var (x, y, hover) in points) svg.Marker(x, y, series.Style, hover);
    }

    /// <summary>The stretches of a line between points that cannot be drawn.</summary>
    private List<List<Datum>> Runs(Series series, int index)
    {
        List<List<Datum>> runs = [[]];
        foreach (var point in series.Points)
        {
            if (Drawable(point, index)) runs[^1].Add(point);
            else runs.Add([]);
        }

        return runs;
    }

    /// <summary>Of rows each series has a lane of its own, up to four: points that share a row do not cover each other.</summary>
    private double Y(Datum p, int index) => panel.Y.Rows is null ? frame.Y(p.Y)
        : frame.Y(p.Y) + (((index % Lanes(panel)) + 0.5 - (Lanes(panel) / 2.0)) * Lane);

    private bool Drawable(Datum p, int index) => frame.Holds(frame.X(p.X), Y(p, index));

    private static bool Both(double? low, double? high) => low is { } l && high is { } h && double.IsFinite(l) && double.IsFinite(h);

    private string Hover(Datum p) => panel.Y.Rows is { } rows ? $"{rows[(int)p.Y]}: {Amount(p.X, p.Left, p.Right)}"
        : (p.Label is { Length: > 0 } ? p.Label + ": " : "") + $"{Amount(p.X, p.Left, p.Right)}; {Amount(p.Y, p.Low, p.High)}";

    private static string Amount(double value, double? low, double? high) => string.Create(CultureInfo.InvariantCulture,
        $"{value:G4}{(Both(low, high) ? string.Create(CultureInfo.InvariantCulture, $" ({low:G4} to {high:G4})") : "")}");
}
