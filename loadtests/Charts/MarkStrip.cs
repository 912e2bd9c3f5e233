namespace Btx.LoadTests.Charts;

/// <summary>The strip over the plots that holds the names of marks and shades, in as many rows as keep them apart.</summary>
internal sealed class MarkStrip
{
    private const double Row = 15, Size = SvgCanvas.Small;
    private readonly List<(double X, double TextX, string Text, string Full, int Row)> _names = [];

    private MarkStrip(int rows) => Height = rows * Row;

    /// <summary>Height that it needs, px.</summary>
    public double Height { get; private set; }

    /// <param name="names">Where (px), and what.</param>
    /// <param name="left">Nothing is written beyond these edges of the picture.</param>
    public static MarkStrip Of(IEnumerable<(double X, string Text)> names, double left, double right)
    {
        var ends = new List<double>();
        var strip = new MarkStrip(0);
        foreach (var (x, full) in names.Where(n => double.IsFinite(n.X) && n.Text.Length > 0).OrderBy(n => n.X))
        {
            var text = TextWidth.Fit(full, Size, 260);
            var wide = TextWidth.Of(text, Size);
            var at = Math.Clamp(x - (wide / 2), left, Math.Max(left, right - wide));
            var row = ends.FindIndex(e => e + 8 <= at);
            if (row < 0)
            {
                row = ends.Count;
                ends.Add(0);
            }

            ends[row] = at + wide;
            strip._names.Add((x, at, text, full, row));
        }

        strip.Height = ends.Count * Row;
        return strip;
    }

    /// <param name="bottom">Lower edge of the strip, px.</param>
    public void Draw(SvgCanvas canvas, double bottom)
    {
        foreach (var (x, textX, text, full, row) in _names)
        {
            var y = bottom - (row * Row) - 4;
            canvas.Text(textX, y, text, Size, muted: true, hover: text == full ? null : full, kind: "mark");
            if (row > 0) canvas.AxisLine(x, y + 2, x, bottom, dashed: true);
        }
    }
}
