using System.Globalization;

namespace Btx.LoadTests.Charts;

/// <summary>Draws one plot: grid, shades, bands, lines, markers, labels.</summary>
internal sealed class PanelPicture(SvgCanvas canvas, Frame frame, Panel panel, Axis across)
{
    /// <summary>Values that had no place on the axes.</summary>
    public int Undrawn { get; private set; }

    public void Draw(IReadOnlyList<Shade> shades, IReadOnlyList<Mark> marks, double titleX)
    {
        Grid(titleX);
        foreach (var shade in shades) DrawShade(shade);
        var labels = new LabelPlacer(frame);
        foreach (var level in panel.Levels) DrawLevel(level, labels);
        foreach (var x in marks.Select(m => frame.X(m.At)).Where(x => frame.Holds(x, frame.Top)))
        {
            canvas.AxisLine(x, frame.Top, x, frame.Bottom, dashed: true, kind: "mark");
            labels.Occupy((x, frame.Top), (x, frame.Bottom));
        }

        foreach (var series in panel.Series) DrawLine(series, labels);
        foreach (var series in panel.Series) DrawMarkers(series, labels);
        foreach (var level in panel.Levels) NameLevel(level, labels);
        foreach (var series in panel.Series) DrawLabels(series, labels);
        if (!panel.Series.Any(s => s.Points.Any(Drawable)))
            canvas.Text(frame.Left + (frame.Width / 2), frame.Top + (frame.Height / 2), "no values", SvgCanvas.Body, "middle", muted: true,
                kind: "empty");
    }

    private void Grid(double titleX)
    {
        foreach (var tick in frame.Up.Ticks)
        {
            var y = frame.Y(tick);
            canvas.Rule(frame.Left, y, frame.Right, y);
            canvas.AxisLine(frame.Left - 4, y, frame.Left, y, kind: "tick-y");
            canvas.Text(frame.Left - 8, y + 4, frame.Up.Label(tick), SvgCanvas.Small, "end", muted: true, kind: "tick-y");
        }

        canvas.AxisLine(frame.Left, frame.Top, frame.Left, frame.Bottom);
        canvas.AxisLine(frame.Left, frame.Bottom, frame.Right, frame.Bottom);
        var title = TextWidth.Fit(panel.Y.Title, SvgCanvas.Body, frame.Height + 30);
        canvas.Text(titleX, frame.Top + (frame.Height / 2), title, SvgCanvas.Body, "middle", rotate: -90,
            hover: title == panel.Y.Title ? null : panel.Y.Title, kind: "title-y");
    }

    private void DrawShade(Shade shade)
    {
        double from = frame.X(Math.Max(shade.From, frame.Across.Least)), to = frame.X(Math.Min(shade.To, frame.Across.Most));
        if (!(to >= from)) return;
        canvas.Shaded(from, frame.Top, Math.Max(1, to - from), frame.Height, shade.Faint, shade.Label);
    }

    private void DrawLevel(Mark level, LabelPlacer labels)
    {
        var y = frame.Y(level.At);
        if (!frame.Holds(frame.Left, y)) return;
        canvas.AxisLine(frame.Left, y, frame.Right, y, dashed: true, kind: "level");
        labels.Occupy((frame.Left, y), (frame.Right, y));
    }

    private void NameLevel(Mark level, LabelPlacer labels)
    {
        var y = frame.Y(level.At);
        if (!frame.Holds(frame.Left, y)) return;
        var place = labels.Beside(y, level.Label);
        canvas.Text(place.X, place.Y, place.Text, SvgCanvas.Small, muted: true, hover: place.Text == level.Label ? null : level.Label,
            kind: "level");
    }

    private void DrawLine(Series series, LabelPlacer labels)
    {
        canvas.BeginSeries(series.Style, series.Name);
        foreach (var run in Runs(series))
        {
            var band = run.Where(HasBand).ToArray();
            if (series.Joined && run.Count > 1 && band.Length > 1)
                canvas.Band([.. band.Select(p => (frame.X(p.X), Within(p.High!.Value))),
                    .. band.Reverse().Select(p => (frame.X(p.X), Within(p.Low!.Value)))]);
            else
                foreach (var p in band) Whisker(frame.X(p.X), Within(p.Low!.Value), frame.X(p.X), Within(p.High!.Value));
            foreach (var p in run.Where(p => p is { Left: not null, Right: not null }))
                if (Across(p.Left!.Value) is { } left && Across(p.Right!.Value) is { } right)
                    Whisker(left, frame.Y(p.Y), right, frame.Y(p.Y));
            if (!series.Joined || run.Count < 2) continue;
            (double X, double Y)[] line = [.. run.Select(p => (frame.X(p.X), frame.Y(p.Y)))];
            canvas.Polyline(line, series.Style);
            for (var i = 1; i < line.Length; i++) labels.Occupy(line[i - 1], line[i]);
        }

        canvas.EndSeries();

        void Whisker(double x1, double y1, double x2, double y2)
        {
            canvas.Whisker(x1, y1, x2, y2);
            labels.Occupy((x1, y1), (x2, y2));
        }
    }

    private void DrawMarkers(Series series, LabelPlacer labels)
    {
        Undrawn += series.Points.Count(p => !Drawable(p));
        if (!series.Marked) return;
        canvas.BeginSeries(series.Style, series.Name);
        foreach (var p in series.Points.Where(Drawable))
        {
            labels.Occupy(frame.X(p.X), frame.Y(p.Y));
            canvas.Marker(frame.X(p.X), frame.Y(p.Y), series.Style, Hover(series, p));
        }

        canvas.EndSeries();
    }

    private void DrawLabels(Series series, LabelPlacer labels)
    {
        foreach (var p in series.Points.Where(p => p.Label is { Length: > 0 } && Drawable(p)))
        {
            var (x, y) = (frame.X(p.X), frame.Y(p.Y));
            if (labels.Place(x, y, p.Label!) is not { } place) continue;
            if (place.Leader is { } end) canvas.AxisLine(x, y, end.X, end.Y);
            canvas.Text(place.X, place.Y, place.Text, SvgCanvas.Small, hover: place.Text == p.Label ? null : p.Label, kind: "label");
        }
    }

    /// <summary>The stretches of a line between points that cannot be drawn.</summary>
    private List<List<Datum>> Runs(Series series)
    {
        var runs = new List<List<Datum>>();
        List<Datum>? run = null;
        foreach (var point in series.Points)
        {
            if (!Drawable(point))
            {
                run = null;
                continue;
            }

            if (run is null) runs.Add(run = []);
            run.Add(point);
        }

        return runs;
    }

    private bool Drawable(Datum p) => frame.Holds(frame.X(p.X), frame.Y(p.Y));

    private static bool HasBand(Datum p) => p is { Low: { } low, High: { } high } && double.IsFinite(low) && double.IsFinite(high);

    /// <summary>An end of a band; one that has no place on the axis ends at its edge.</summary>
    private double Within(double value) => double.IsFinite(frame.Y(value)) ? Math.Clamp(frame.Y(value), frame.Top, frame.Bottom)
        : value > 1 ? frame.Top : frame.Bottom;

    private double? Across(double value) => double.IsFinite(frame.X(value)) ? Math.Clamp(frame.X(value), frame.Left, frame.Right) : null;

    private string Hover(Series series, Datum p)
    {
        var band = HasBand(p) ? string.Create(CultureInfo.InvariantCulture, $" ({p.Low:G4} to {p.High:G4})") : "";
        return string.Create(
            CultureInfo.InvariantCulture, $"{(p.Label is { Length: > 0 } label && label != series.Name ? $"{series.Name}, {label}" : series.Name)}: {across.Title} {p.X:G4}; {panel.Y.Title} {p.Y:G4}{band}");
    }
}
