using System.Globalization;

namespace Btx.LoadTests.Charts;

/// <summary>One or more plots over one horizontal axis, as a self-contained SVG picture.</summary>
/// <param name="Name">File name without its ending: letters, digits and hyphens.</param>
/// <param name="Title">Headline.</param>
/// <param name="X">The axis that the panels share.</param>
/// <param name="Panels">From the top.</param>
public sealed record Chart(string Name, string Title, Axis X, IReadOnlyList<Panel> Panels)
{
    /// <summary>Width of every picture, px: text of this size is readable without zoom.</summary>
    public const double Width = 720;

    private const double Side = 18, Between = 26;

    /// <summary>Under the title: what markers and bands are.</summary>
    public string Caption { get; init; } = "";

    public IReadOnlyList<Shade> Shades { get; init; } = [];

    /// <summary>Vertical lines, named over the plots.</summary>
    public IReadOnlyList<Mark> Marks { get; init; } = [];

    /// <summary>The picture as SVG.</summary>
    public string ToSvg()
    {
        var canvas = new SvgCanvas();
        Series[] all = [.. Panels.SelectMany(p => p.Series)];
        var y = Heading.Draw(canvas, Width, Title, Caption, all);
        var across = Scale.Of(X, [.. all.SelectMany(s => s.Points).SelectMany(p => (double[])[p.X, p.Left ?? p.X, p.Right ?? p.X]),
            .. Marks.Select(m => m.At), .. Shades.SelectMany(s => (double[])[s.From, s.To])], 8, padded: true);
        Scale[] scales = [.. Panels.Select(UpScale)];
        var labels = scales.SelectMany(s => s.Ticks.Select(t => TextWidth.Of(s.Label(t), SvgCanvas.Small))).DefaultIfEmpty(0).Max();
        double left = Side + 18 + labels + 10, width = Width - left - Side;
        var strip = MarkStrip.Of(
            [.. Marks.Select(m => (left + (width * across.Position(m.At)), m.Label)),
                .. Shades.Where(s => !s.Faint).Select(s => (left + (width * across.Position((s.From + s.To) / 2)), s.Label))],
            left, Width - 6);
        y += strip.Height + 10;
        strip.Draw(canvas, y);
        var undrawn = 0;
        for (var i = 0; i < Panels.Count; i++)
        {
            var frame = new Frame(left, y, width, Panels[i].Height, across, scales[i]);
            AcrossTicks(canvas, frame, named: i == Panels.Count - 1);
            var picture = new PanelPicture(canvas, frame, Panels[i], X);
            picture.Draw(Shades, Marks, Side + 8);
            undrawn += picture.Undrawn;
            y = frame.Bottom + Between;
        }

        canvas.Text(left + (width / 2), y + 14, TextWidth.Fit(X.Title, SvgCanvas.Body, Width - (2 * Side)), SvgCanvas.Body, "middle",
            kind: "title-x");
        y += 20;
        if (undrawn > 0) canvas.Text(Side, y += 16, Undrawn(undrawn), SvgCanvas.Small, muted: true, kind: "undrawn");
        return canvas.ToSvg(Name, Title, Description(), Width, y + 12);
    }

    /// <summary>What is said of values that had no place.</summary>
    internal static string Undrawn(int count) =>
        string.Create(
        CultureInfo.InvariantCulture,
            $"{count} {(count == 1 ? "value is" : "values are")} not drawn: none was measured, or not above zero on a logarithmic axis");

    /// <summary>Ticks of the horizontal axis; a label that would touch the one before it is left out.</summary>
    internal static void AcrossTicks(SvgCanvas canvas, Frame frame, bool named)
    {
        var end = double.NegativeInfinity;
        foreach (var tick in frame.Across.Ticks)
        {
            var x = frame.X(tick);
            canvas.Rule(x, frame.Top, x, frame.Bottom);
            canvas.AxisLine(x, frame.Bottom, x, frame.Bottom + 4, kind: "tick-x");
            var text = frame.Across.Label(tick);
            var half = TextWidth.Of(text, SvgCanvas.Small) / 2;
            if (!named || x - half < end + 6) continue;
            canvas.Text(x, frame.Bottom + 17, text, SvgCanvas.Small, "middle", muted: true, kind: "tick-x");
            end = x + half;
        }
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
        $"{string.Join("; ", Panels.Select(p => p.Y.Title))} against {X.Title}. Series: "
        + $"{string.Join(", ", Panels.SelectMany(p => p.Series).Select(s => s.Name).Distinct())}."
        + (Marks.Count == 0 ? "" : $" Marked: {string.Join(", ", Marks.Select(m => m.Label))}.")
        + (Caption.Length == 0 ? "" : " " + Caption);
}
